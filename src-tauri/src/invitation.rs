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
    Ok(Invitation {
        server: server.to_owned(),
        code: code.to_owned(),
        link,
        addresses,
        qr,
        name: String::new(),
        password_needed: false,
        waiting_room: false,
    })
}

/// The link that others open.
pub(crate) fn link(server: &str, code: &str, addresses: &[String]) -> Answer<String> {
    let server = addresses.first().map_or_else(|| server.to_owned(), |address| format!("ws://{address}"));
    let invitation = sightline_call::Invitation { server: Some(server), code: code.to_owned() };
    Ok(invitation.link()?)
}

/// Whether this can be the address of a server.
pub(crate) fn check_server(server: &str) -> Answer<()> {
    link(server, "a", &[]).map(drop)
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
        let by_ipv6 = link("ws://127.0.0.1:7788", "a-b", &["[2001:db8::1]:7788".to_owned()]).unwrap();
        assert_eq!(by_ipv6, "sightline://join/[2001:db8::1]:7788/a-b");
        let parsed = sightline_call::parse_invitation(&by_ipv6).unwrap();
        assert_eq!(parsed.server.as_deref(), Some("ws://[2001:db8::1]:7788"));
        let other = invitation("ws://calls.example:7788", "a-b", Vec::new()).unwrap();
        assert_eq!(other.link, "sightline://join/calls.example:7788/a-b");
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for fine in
            ["ws://calls.example:7788", "192.168.1.5:7788", "[::1]:7788", "calls.example", "wss://calls.example"]
        {
            assert_eq!(check_server(fine), Ok(()), "{fine}");
        }
        for wrong in ["two words", "ws://", "ftp://calls.example", "host:port"] {
            let error = check_server(wrong).unwrap_err();
            assert!(error.message.contains("ws://host:port"), "{error}");
        }
    }
}
