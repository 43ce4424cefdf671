//! How others get into a room: a code, a link, addresses, a QR code.

use qrcode::{EcLevel, QrCode, render::svg};

use crate::ipc::{Answer, Invitation, IpcError};

/// Side of a QR code in CSS pixels; the page scales it.
const QR_SIDE: u32 = 240;

/// The invitation into a room. `addresses` are those under which others reach the server, where that is not `server`
/// itself, the likeliest first.
pub(crate) fn invitation(server: &str, code: &str, addresses: Vec<String>) -> Answer<Invitation> {
    let link = link(server, code, &addresses)?;
    let qr = QrCode::with_error_correction_level(&link, EcLevel::M).map_err(IpcError::internal)?;
    let qr = qr.render::<svg::Color>().min_dimensions(QR_SIDE, QR_SIDE).quiet_zone(true).build();
    Ok(Invitation { server: server.to_owned(), code: code.to_owned(), link, addresses, qr })
}

/// The link that others open.
pub(crate) fn link(server: &str, code: &str, addresses: &[String]) -> Answer<String> {
    let server = addresses.first().map_or_else(|| server.to_owned(), |address| format!("ws://{address}"));
    let invitation = sightline_call::Invitation { server: Some(server), code: code.to_owned() };
    Ok(invitation.link()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_get_the_address_they_can_reach() {
        let own = invitation("ws://127.0.0.1:7788", "amber-canoe", vec!["192.168.1.5:7788".into()]).unwrap();
        assert_eq!(own.link, "sightline://join/192.168.1.5:7788/amber-canoe");
        assert_eq!(own.server, "ws://127.0.0.1:7788");
        assert!(own.qr.starts_with("<?xml") && own.qr.contains("<svg"));
        let other = invitation("ws://calls.example:7788", "a-b", Vec::new()).unwrap();
        assert_eq!(other.link, "sightline://join/calls.example:7788/a-b");
    }
}
