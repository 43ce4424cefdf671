//! Cameras through nokhwa.
//!
//! Invariant: a `Camera` is created, used and dropped on one thread, and whoever waits for that thread waits for a
//! bounded time: drivers block for ever, and nokhwa panics on some of their answers.

mod capture;
mod choose;
mod wake;
mod watch;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nokhwa::Camera;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType,
};

use super::{DeviceInfo, DeviceKind};
use crate::MediaError;

pub(crate) use capture::CameraCapture;

/// Pixel formats that can be converted, cheapest first.
const FORMATS: [FrameFormat; 4] = [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::RAWRGB, FrameFormat::MJPEG];

/// How long a driver may take to answer questions, and a user of macOS the one for permission.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// What is wanted of a camera.
#[derive(Debug, Clone)]
pub(crate) struct CameraWish {
    /// Id, index or part of the name; `None` for the first.
    pub(crate) name: Option<String>,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
    /// Frames a second.
    pub(crate) fps: u32,
}

/// All cameras; empty where the system cannot be asked.
pub(crate) fn list() -> Vec<DeviceInfo> {
    let all = within(ANSWER_WITHIN, query).unwrap_or_default().into_iter().enumerate().map(describe).collect();
    without_side_doors(all)
}

/// On Linux a camera has a second device for its metadata, under the same name, that gives no pictures.
fn without_side_doors(all: Vec<DeviceInfo>) -> Vec<DeviceInfo> {
    let gives_pictures = |camera: &DeviceInfo| !camera.formats.is_empty();
    let real: Vec<String> = all.iter().filter(|camera| gives_pictures(camera)).map(|c| c.name.clone()).collect();
    all.into_iter().filter(|camera| gives_pictures(camera) || !real.contains(&camera.name)).collect()
}

/// Marks of the cameras that are there, without opening one.
pub(crate) fn present() -> Vec<String> {
    let cameras = nokhwa::query(ApiBackend::Auto).unwrap_or_default();
    cameras.iter().map(|camera| format!("camera {} {}", camera.index().as_string(), camera.human_name())).collect()
}

/// The first camera of the system is its default.
fn describe((position, info): (usize, CameraInfo)) -> DeviceInfo {
    let index = info.index().clone();
    let (name, formats) = within(ANSWER_WITHIN, move || offers(&index)).flatten().unwrap_or_default();
    DeviceInfo {
        kind: DeviceKind::Camera,
        id: info.index().as_string(),
        name: if name.is_empty() { info.human_name() } else { name },
        is_default: position == 0,
        formats,
    }
}

/// Cameras in the order of their index.
fn query() -> Vec<CameraInfo> {
    ask_permission();
    let mut cameras = nokhwa::query(ApiBackend::Auto).unwrap_or_default();
    cameras.sort_by_key(|camera| camera.index().clone());
    cameras
}

/// macOS lets nobody see a camera before the user agreed; elsewhere this is true at once.
fn ask_permission() {
    if nokhwa::nokhwa_check() {
        return;
    }
    let (answered, answer) = mpsc::sync_channel(1);
    nokhwa::nokhwa_initialize(move |_| {
        // Nobody waits any more if the user took longer; the next query then sees the cameras.
        let _ = answered.try_send(());
    });
    if answer.recv_timeout(ANSWER_WITHIN).is_err() {
        tracing::warn!("the system has not allowed the use of cameras yet");
    }
}

/// Opens a camera without a stream, in whichever format.
fn open_any(index: CameraIndex) -> Result<Camera, nokhwa::NokhwaError> {
    Camera::new(index, RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS))
}

/// The camera's own name and its formats.
fn offers(index: &CameraIndex) -> Option<(String, Vec<String>)> {
    let mut camera = open_any(index.clone()).ok()?;
    let mut formats = camera.compatible_camera_formats().unwrap_or_default();
    formats.sort();
    formats.dedup();
    Some((camera.info().human_name(), formats.into_iter().map(format_name).collect()))
}

fn format_name(format: CameraFormat) -> String {
    format!("{}x{} {} fps {}", format.width(), format.height(), format.frame_rate(), format.format())
}

/// The camera that is meant: the first, or the one whose id or device path is `wanted`, or whose name contains it.
fn find(wanted: Option<&str>) -> Result<CameraIndex, MediaError> {
    let cameras = query();
    let missing = || MediaError::NoDevice { kind: DeviceKind::Camera, name: wanted.map(str::to_owned) };
    let Some(wanted) = wanted else {
        return cameras.first().map(|camera| camera.index().clone()).ok_or_else(missing);
    };
    let id = wanted.strip_prefix("/dev/video").unwrap_or(wanted);
    if let Some(camera) = cameras.iter().find(|camera| camera.index().as_string() == id) {
        return Ok(camera.index().clone());
    }
    let part = wanted.to_lowercase();
    let named = cameras.into_iter().find(|camera| {
        // The listed name may be only a path; the camera itself knows better.
        let own_name = || open_any(camera.index().clone()).map(|camera| camera.info().human_name()).unwrap_or_default();
        camera.human_name().to_lowercase().contains(&part) || own_name().to_lowercase().contains(&part)
    });
    named.map(|camera| camera.index().clone()).ok_or_else(missing)
}

/// Runs `work` on a thread of its own; `None` if it panics or does not end in time (the thread is then left behind).
fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("camera-query".into())
        .spawn(move || {
            // The receiver is gone only if the answer came too late to matter.
            let _ = done.send(work());
        })
        .ok()?;
    result.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_with_two_devices_is_listed_once() {
        let camera = |id: &str, name: &str, formats: &[&str]| DeviceInfo {
            kind: DeviceKind::Camera,
            id: id.into(),
            name: name.into(),
            is_default: false,
            formats: formats.iter().map(|format| (*format).to_owned()).collect(),
        };
        let all = vec![camera("0", "Cam", &["640x480"]), camera("1", "Cam", &[]), camera("2", "Other", &[])];
        let ids: Vec<String> = without_side_doors(all).into_iter().map(|camera| camera.id).collect();
        assert_eq!(ids, ["0", "2"], "one that does not say what it offers may still work");
    }
}
