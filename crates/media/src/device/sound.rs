//! Microphones and speakers through cpal: which there are and how to open them.
//!
//! Invariant: asking the system takes a bounded time, whatever its drivers do.

mod keeper;
mod port;
mod server;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, ErrorKind, SampleFormat, SupportedStreamConfigRange};

pub(crate) use self::keeper::{Events, SoundDevice};
use super::{DeviceInfo, DeviceKind};
use crate::MediaError;
use crate::audio::SAMPLE_RATE;

/// How long a driver may take to open or to list.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// ALSA's plug-ins that convert, mix or swallow sound: no devices.
const NOT_DEVICES: [&str; 12] = [
    "null",
    "lavrate",
    "samplerate",
    "speexrate",
    "speex",
    "jack",
    "oss",
    "upmix",
    "vdownmix",
    "usbstream",
    "hw",
    "dsnoop",
];

/// Microphones and speakers; empty where the system cannot be asked in time.
pub(crate) fn list() -> Vec<DeviceInfo> {
    let (done, result) = mpsc::sync_channel(1);
    let asked = thread::Builder::new().name("sound-query".into()).spawn(move || {
        let mut all = query(DeviceKind::Microphone);
        all.extend(query(DeviceKind::Speaker));
        // The receiver is gone only if the answer came too late to matter.
        let _ = done.send(all);
    });
    asked.ok().and_then(|_| result.recv_timeout(ANSWER_WITHIN).ok()).unwrap_or_default()
}

fn query(kind: DeviceKind) -> Vec<DeviceInfo> {
    let host = cpal::default_host();
    let default = default_device(&host, kind).and_then(|device| device.id().ok());
    devices(&host, kind)
        .into_iter()
        .filter(|device| is_usable(device, kind))
        .filter_map(|device| {
            let id = device.id().ok()?;
            let is_default = Some(&id) == default.as_ref();
            Some(DeviceInfo { kind, id: id.id().to_owned(), name: device.to_string(), is_default, formats: Vec::new() })
        })
        .collect()
}

fn devices(host: &cpal::Host, kind: DeviceKind) -> Vec<Device> {
    let is_device = |device: &Device| {
        let right_way = if kind == DeviceKind::Microphone { device.supports_input() } else { device.supports_output() };
        let plugin = device.id().is_ok_and(|id| NOT_DEVICES.contains(&id.id().split(':').next().unwrap_or_default()));
        right_way && !plugin
    };
    host.devices().map(|all| all.filter(is_device).collect()).unwrap_or_default()
}

fn default_device(host: &cpal::Host, kind: DeviceKind) -> Option<Device> {
    if kind == DeviceKind::Microphone { host.default_input_device() } else { host.default_output_device() }
}

/// By id, else by a part of its name or id; `None` is the system's default.
fn find(kind: DeviceKind, wanted: Option<&str>) -> Result<Device, MediaError> {
    let host = cpal::default_host();
    let found = match wanted {
        None => default_device(&host, kind),
        Some(wanted) => {
            let lower = wanted.to_lowercase();
            let id = |device: &Device| device.id().map(|id| id.id().to_owned()).unwrap_or_default();
            let all = devices(&host, kind);
            let partly = |device: &&Device| {
                device.to_string().to_lowercase().contains(&lower) || id(device).to_lowercase().contains(&lower)
            };
            all.iter().find(|device| id(device) == wanted).or_else(|| all.iter().find(partly)).cloned()
        }
    };
    found.ok_or_else(|| MediaError::NoDevice { kind, name: wanted.map(str::to_owned) })
}

fn offers(device: &Device, kind: DeviceKind) -> Result<Vec<SupportedStreamConfigRange>, cpal::Error> {
    match kind {
        DeviceKind::Microphone => device.supported_input_configs().map(Iterator::collect),
        DeviceKind::Speaker | DeviceKind::Camera => device.supported_output_configs().map(Iterator::collect),
    }
}

/// One that is busy is there all the same; it may be us who use it.
fn is_usable(device: &Device, kind: DeviceKind) -> bool {
    match offers(device, kind) {
        Ok(offers) => !offers.is_empty(),
        Err(error) => error.kind() == ErrorKind::DeviceBusy,
    }
}

/// Marks of the devices and sound servers that are there, without opening one.
pub(crate) fn present() -> Vec<String> {
    let mut found = server::present();
    if let Ok(all) = cpal::default_host().devices() {
        found.extend(all.filter_map(|device| device.id().ok()).map(|id| format!("sound {}", id.id())));
    }
    found
}

/// A format to open a device with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offer {
    channels: u16,
    rate: u32,
    format: SampleFormat,
}

/// 48 kHz before other rates, few channels (but stereo for speakers), float before integers.
fn best(offers: Vec<SupportedStreamConfigRange>, kind: DeviceKind) -> Option<Offer> {
    let wanted_channels = if kind == DeviceKind::Microphone { 1 } else { 2 };
    let choices = offers.into_iter().filter_map(|range| {
        let preference = [SampleFormat::F32, SampleFormat::I16, SampleFormat::I32, SampleFormat::U8];
        let format = preference.iter().position(|&format| format == range.sample_format())?;
        let rate = SAMPLE_RATE.clamp(range.min_sample_rate(), range.max_sample_rate());
        let offer = Offer { channels: range.channels(), rate, format: range.sample_format() };
        let cost = (rate.abs_diff(SAMPLE_RATE), offer.channels.abs_diff(wanted_channels), format);
        Some((cost, offer))
    });
    choices.min_by_key(|(cost, _)| *cost).map(|(_, offer)| offer)
}

#[cfg(test)]
mod tests {
    use cpal::SupportedBufferSize;

    use super::*;

    fn range(channels: u16, low: u32, high: u32, format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(channels, low, high, SupportedBufferSize::Unknown, format)
    }

    #[test]
    fn the_offer_that_needs_least_conversion_is_taken() {
        let offers = || {
            vec![
                range(2, 44_100, 44_100, SampleFormat::F32),
                range(2, 8_000, 96_000, SampleFormat::I16),
                range(1, 8_000, 96_000, SampleFormat::I16),
                range(1, 8_000, 96_000, SampleFormat::F64),
                range(6, 8_000, 96_000, SampleFormat::F32),
            ]
        };
        let wanted = |channels| Some(Offer { channels, rate: 48_000, format: SampleFormat::I16 });
        assert_eq!(best(offers(), DeviceKind::Microphone), wanted(1));
        assert_eq!(best(offers(), DeviceKind::Speaker), wanted(2));
        let slow = vec![range(1, 8_000, 16_000, SampleFormat::U8)];
        assert_eq!(best(slow, DeviceKind::Speaker).map(|offer| offer.rate), Some(16_000));
        assert_eq!(best(vec![range(1, 48_000, 48_000, SampleFormat::F64)], DeviceKind::Microphone), None);
    }

    #[test]
    fn a_device_that_is_not_there_is_named_in_the_error() {
        let error = find(DeviceKind::Speaker, Some("no such thing")).expect_err("there is none").to_string();
        assert!(error.contains("speaker") && error.contains("no such thing"), "{error}");
    }
}
