//! Cameras through nokhwa.
//!
//! Invariant: a `Camera` is created, used and dropped on one thread, and whoever waits for that thread waits for a
//! bounded time: drivers block for ever, and nokhwa panics on some of their answers.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nokhwa::Camera;
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType,
};

use super::{DeviceInfo, DeviceKind};

/// Pixel formats that can be converted, cheapest first.
const FORMATS: [FrameFormat; 4] = [FrameFormat::NV12, FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::RAWRGB];

/// How long a driver may take to answer questions.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// All cameras; empty where the system cannot be asked.
pub(crate) fn list() -> Vec<DeviceInfo> {
    within(ANSWER_WITHIN, query).unwrap_or_default().into_iter().enumerate().map(describe).collect()
}

/// The first camera of the system is its default.
fn describe((position, info): (usize, CameraInfo)) -> DeviceInfo {
    let index = info.index().clone();
    let (name, formats) = within(ANSWER_WITHIN, move || offers(index)).flatten().unwrap_or_default();
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
    let mut cameras = nokhwa::query(ApiBackend::Auto).unwrap_or_default();
    cameras.sort_by_key(|camera| camera.index().clone());
    cameras
}

/// The camera's own name and its formats.
fn offers(index: CameraIndex) -> Option<(String, Vec<String>)> {
    let mut camera = Camera::new(index, RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS)).ok()?;
    let mut formats = camera.compatible_camera_formats().unwrap_or_default();
    formats.sort();
    formats.dedup();
    Some((camera.info().human_name(), formats.into_iter().map(format_name).collect()))
}

fn format_name(format: CameraFormat) -> String {
    format!("{}x{} {} fps {}", format.width(), format.height(), format.frame_rate(), format.format())
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
