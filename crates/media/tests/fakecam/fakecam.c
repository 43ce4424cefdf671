/*
 * A camera for tests on machines that have none.
 *
 * Preloaded into a process, this shows it a V4L2 capture device /dev/video77: in the listing of /dev, to open, ioctl, mmap
 * and poll. It answers as the kernel would (V4L2 documentation, "Video Capture Interface"), so the program runs its real
 * camera code. Nothing outside of the process is touched, and no rights are needed.
 *
 * Each picture: left half dark (luma 60), right half bright (200), chroma 90 and 160, and a square in the upper left corner
 * whose brightness changes from picture to picture.
 *
 * Environment:
 *   FAKECAM_CONTROL  a file with one word, read again and again:
 *                      run     pictures come
 *                      cover   pictures come, and all of them are black
 *                      hold    none come until the word changes
 *                      wedge   the present stream is dead for ever; one that is started later works
 *                      unplug  the device is gone
 *   FAKECAM_FORMATS  what it offers, in this order, for example YUYV,NV12,MJPG
 *   FAKECAM_JPEG     the picture for MJPG, 1280x720
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEVICE_NAME "video77"
#define DEVICE_PATH "/dev/" DEVICE_NAME
#define BUFFERS 8
#define BUFFER_SIZE (2u << 20)
#define MAX_FORMATS 4
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct { uint32_t width, height; } SIZES[] = {{1280, 720}, {640, 480}};
static const uint32_t RATES[] = {30, 15};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
    int fd; /* of the memory that buffers are mapped from; -1 while the device is closed */
    uint8_t *memory;
    uint32_t format, width, height, rate;
    uint32_t buffers;
    uint32_t queue[BUFFERS]; /* indices of buffers to be filled, oldest first */
    uint32_t queued;
    int streaming;
    int wedged;
    int covered;
    uint32_t sequence;
    int64_t next_due; /* monotonic nanoseconds */
} device = {.fd = -1};

/* The directory stream that lists /dev, and whether it showed the device yet. */
static DIR *listing;
static int listed;

/* ---- helpers ---- */

static int fail(int error) {
    errno = error;
    return -1;
}

static long real_syscall(long number, long a, long b, long c, long d, long e, long f) {
    static long (*next)(long, ...);
    if (!next)
        next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    return next(number, a, b, c, d, e, f);
}

static int64_t monotonic(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Reads a whole small file without the functions that are replaced here. */
static size_t read_file(const char *path, uint8_t *into, size_t size) {
    if (!path)
        return 0;
    int fd = (int)real_syscall(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd < 0)
        return 0;
    size_t length = 0;
    ssize_t part;
    while (length < size && (part = read(fd, into + length, size - length)) > 0)
        length += (size_t)part;
    real_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
    return length;
}

static int told_to(const char *word) {
    char text[16] = "";
    read_file(getenv("FAKECAM_CONTROL"), (uint8_t *)text, sizeof text - 1);
    return strncmp(text, word, strlen(word)) == 0;
}

static uint32_t formats(uint32_t offered[MAX_FORMATS]) {
    const char *text = getenv("FAKECAM_FORMATS");
    uint32_t count = 0;
    for (text = text ? text : "YUYV"; strlen(text) >= 4 && count < MAX_FORMATS; text += text[4] ? 5 : 4)
        offered[count++] = v4l2_fourcc(text[0], text[1], text[2], text[3]);
    return count;
}

/* ---- pictures ---- */

static uint32_t picture_size(void) {
    uint32_t pixels = device.width * device.height;
    switch (device.format) {
    case V4L2_PIX_FMT_YUYV: return pixels * 2;
    case V4L2_PIX_FMT_NV12: return pixels * 3 / 2;
    default: return BUFFER_SIZE;
    }
}

static uint8_t luma(uint32_t x, uint32_t y) {
    if (device.covered)
        return 16;
    if (x < 64 && y < 64)
        return (uint8_t)(20 + device.sequence * 16 % 208);
    return x < device.width / 2 ? 60 : 200;
}

/* Gives the number of bytes that are used. */
static uint32_t draw(uint8_t *out) {
    device.covered = told_to("cover");
    if (device.format == V4L2_PIX_FMT_MJPEG) {
        /* As drivers do: what was there before stays behind the picture. */
        memset(out, 0xAA, BUFFER_SIZE);
        return (uint32_t)read_file(getenv("FAKECAM_JPEG"), out, BUFFER_SIZE);
    }
    for (uint32_t y = 0; y < device.height; y++)
        for (uint32_t x = 0; x < device.width; x++) {
            if (device.format == V4L2_PIX_FMT_YUYV) {
                *out++ = luma(x, y);
                *out++ = x % 2 ? 160 : 90;
            } else {
                *out++ = luma(x, y);
            }
        }
    if (device.format == V4L2_PIX_FMT_NV12)
        for (uint32_t pair = 0; pair < device.width * device.height / 4; pair++) {
            *out++ = 90;
            *out++ = 160;
        }
    return picture_size();
}

/* ---- the device ---- */

static int picture_ready(void) {
    if (told_to("wedge"))
        device.wedged = 1;
    return device.queued > 0 && !device.wedged && !told_to("hold") && monotonic() >= device.next_due;
}

static void describe_format(struct v4l2_pix_format *pix) {
    memset(pix, 0, sizeof *pix);
    pix->width = device.width;
    pix->height = device.height;
    pix->pixelformat = device.format;
    pix->field = V4L2_FIELD_NONE;
    pix->sizeimage = picture_size();
    pix->colorspace = V4L2_COLORSPACE_SRGB;
}

static int set_format(struct v4l2_pix_format *pix) {
    uint32_t offered[MAX_FORMATS], count = formats(offered);
    if (device.streaming)
        return fail(EBUSY);
    for (uint32_t i = 0; i < count; i++)
        if (offered[i] == pix->pixelformat)
            device.format = offered[i];
    for (uint32_t i = 0; i < ARRAY_LENGTH(SIZES); i++)
        if (SIZES[i].width == pix->width && SIZES[i].height == pix->height) {
            device.width = pix->width;
            device.height = pix->height;
        }
    describe_format(pix);
    return 0;
}

static int enumerate_format(struct v4l2_fmtdesc *desc) {
    uint32_t offered[MAX_FORMATS];
    if (desc->index >= formats(offered))
        return fail(EINVAL);
    desc->pixelformat = offered[desc->index];
    snprintf((char *)desc->description, sizeof desc->description, "fake");
    return 0;
}

static int enumerate_size(struct v4l2_frmsizeenum *size) {
    /* The one JPEG has one size. */
    uint32_t count = size->pixel_format == V4L2_PIX_FMT_MJPEG ? 1 : ARRAY_LENGTH(SIZES);
    if (size->index >= count)
        return fail(EINVAL);
    size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    size->discrete.width = SIZES[size->index].width;
    size->discrete.height = SIZES[size->index].height;
    return 0;
}

static int enumerate_rate(struct v4l2_frmivalenum *interval) {
    if (interval->index >= ARRAY_LENGTH(RATES))
        return fail(EINVAL);
    interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    interval->discrete = (struct v4l2_fract){1, RATES[interval->index]};
    return 0;
}

static int rate(struct v4l2_streamparm *parm, int set) {
    struct v4l2_captureparm *capture = &parm->parm.capture;
    if (set && capture->timeperframe.numerator)
        device.rate = capture->timeperframe.denominator / capture->timeperframe.numerator;
    capture->capability = V4L2_CAP_TIMEPERFRAME;
    capture->timeperframe = (struct v4l2_fract){1, device.rate};
    return 0;
}

static int request_buffers(struct v4l2_requestbuffers *request) {
    if (device.streaming)
        return fail(EBUSY);
    if (request->count > BUFFERS)
        request->count = BUFFERS;
    device.buffers = request->count;
    device.queued = 0;
    return 0;
}

static int query_buffer(struct v4l2_buffer *buffer) {
    if (buffer->index >= device.buffers)
        return fail(EINVAL);
    buffer->length = picture_size();
    buffer->m.offset = buffer->index * BUFFER_SIZE;
    return 0;
}

static int queue_buffer(const struct v4l2_buffer *buffer) {
    if (buffer->index >= device.buffers || device.queued >= BUFFERS)
        return fail(EINVAL);
    device.queue[device.queued++] = buffer->index;
    return 0;
}

static int dequeue_buffer(struct v4l2_buffer *buffer) {
    if (!device.streaming)
        return fail(EINVAL);
    if (!picture_ready())
        return fail(EAGAIN); /* the device is opened with O_NONBLOCK */
    buffer->index = device.queue[0];
    memmove(device.queue, device.queue + 1, --device.queued * sizeof device.queue[0]);
    buffer->bytesused = draw(device.memory + (size_t)buffer->index * BUFFER_SIZE);
    buffer->sequence = device.sequence++;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    int64_t now = monotonic();
    buffer->timestamp.tv_sec = now / 1000000000;
    buffer->timestamp.tv_usec = now % 1000000000 / 1000;
    device.next_due = now + 1000000000 / device.rate;
    return 0;
}

static int stream(int on) {
    device.streaming = on;
    device.queued = on ? device.queued : 0;
    device.wedged = 0;
    device.next_due = monotonic();
    return 0;
}

static int query_capabilities(struct v4l2_capability *capability) {
    memset(capability, 0, sizeof *capability);
    snprintf((char *)capability->driver, sizeof capability->driver, "fakecam");
    snprintf((char *)capability->card, sizeof capability->card, "Fake Camera");
    snprintf((char *)capability->bus_info, sizeof capability->bus_info, "platform:fakecam");
    capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
    capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
    return 0;
}

static int device_ioctl(uint32_t request, void *argument) {
    if (told_to("unplug"))
        return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: return query_capabilities(argument);
    case VIDIOC_ENUM_FMT: return enumerate_format(argument);
    case VIDIOC_ENUM_FRAMESIZES: return enumerate_size(argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return enumerate_rate(argument);
    case VIDIOC_G_FMT: describe_format(&((struct v4l2_format *)argument)->fmt.pix); return 0;
    case VIDIOC_S_FMT: return set_format(&((struct v4l2_format *)argument)->fmt.pix);
    case VIDIOC_G_PARM: return rate(argument, 0);
    case VIDIOC_S_PARM: return rate(argument, 1);
    case VIDIOC_REQBUFS: return request_buffers(argument);
    case VIDIOC_QUERYBUF: return query_buffer(argument);
    case VIDIOC_QBUF: return queue_buffer(argument);
    case VIDIOC_DQBUF: return dequeue_buffer(argument);
    case VIDIOC_STREAMON: return stream(1);
    case VIDIOC_STREAMOFF: return stream(0);
    default: return fail(ENOTTY); /* it has no controls */
    }
}

static int device_open(void) {
    if (told_to("unplug"))
        return fail(ENOENT);
    pthread_mutex_lock(&lock);
    int fd = -1;
    uint32_t offered[MAX_FORMATS];
    if (device.fd >= 0) {
        errno = EBUSY;
    } else if ((fd = memfd_create("fakecam", MFD_CLOEXEC)) >= 0 && ftruncate(fd, BUFFERS * BUFFER_SIZE) == 0) {
        device.fd = fd;
        device.memory = mmap(NULL, BUFFERS * BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        device.format = formats(offered) ? offered[0] : V4L2_PIX_FMT_YUYV;
        device.width = SIZES[0].width;
        device.height = SIZES[0].height;
        device.rate = RATES[0];
        device.streaming = 0;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

/* ---- what the process calls ---- */

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    if (path && strcmp(path, DEVICE_PATH) == 0)
        return device_open();
    return (int)real_syscall(SYS_openat, folder, (long)path, flags, mode, 0, 0);
}

#define REPLACE_OPEN(name)                                                                                                    \
    int name(const char *path, int flags, ...) {                                                                              \
        va_list arguments;                                                                                                    \
        va_start(arguments, flags);                                                                                           \
        mode_t mode = va_arg(arguments, mode_t);                                                                              \
        va_end(arguments);                                                                                                    \
        return open_at(AT_FDCWD, path, flags, mode);                                                                          \
    }
REPLACE_OPEN(open)
REPLACE_OPEN(open64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd == device.fd) {
        munmap(device.memory, BUFFERS * BUFFER_SIZE);
        device.fd = -1;
    }
    pthread_mutex_unlock(&lock);
    return (int)real_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* Rust's v4l crate calls ioctl through syscall(2)'s wrapper. */
long syscall(long number, ...) {
    va_list arguments;
    va_start(arguments, number);
    long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number != SYS_ioctl || (int)a[0] < 0 || (int)a[0] != device.fd)
        return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    pthread_mutex_lock(&lock);
    int result = device_ioctl((uint32_t)a[1], (void *)a[2]);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
    static int (*next)(struct pollfd *, nfds_t, int);
    if (!next)
        next = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
    if (count != 1 || fds->fd < 0 || fds->fd != device.fd)
        return next(fds, count, timeout);
    int64_t until = timeout < 0 ? INT64_MAX : monotonic() + timeout * 1000000ll;
    for (;;) {
        pthread_mutex_lock(&lock);
        int broken = !device.streaming || told_to("unplug");
        int ready = !broken && picture_ready();
        pthread_mutex_unlock(&lock);
        if (broken || ready) {
            fds->revents = broken ? POLLERR | POLLHUP : POLLIN;
            return 1;
        }
        if (monotonic() >= until)
            return 0;
        /* Ends early, as poll(2) does, when a signal is handled. */
        struct timespec slice = {0, 5000000};
        if (nanosleep(&slice, NULL))
            return fail(EINTR);
    }
}

DIR *opendir(const char *path) {
    static DIR *(*next)(const char *);
    if (!next)
        next = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
    DIR *opened = next(path);
    if (opened && strcmp(path, "/dev") == 0) {
        pthread_mutex_lock(&lock);
        listing = opened;
        listed = 0;
        pthread_mutex_unlock(&lock);
    }
    return opened;
}

struct dirent64 *readdir64(DIR *folder) {
    static struct dirent64 entry = {.d_ino = 77, .d_reclen = sizeof entry, .d_type = DT_CHR, .d_name = DEVICE_NAME};
    static struct dirent64 *(*next)(DIR *);
    if (!next)
        next = (struct dirent64 * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");
    pthread_mutex_lock(&lock);
    int show = folder == listing && !listed && !told_to("unplug");
    listed |= folder == listing;
    pthread_mutex_unlock(&lock);
    return show ? &entry : next(folder);
}
