//! The address of a signaling server, as people write it.
//!
//! Invariant: a [`ServerUrl`] can be connected to as it is: known host and port, and whether TLS is spoken there.

use tokio_tungstenite::tungstenite::http::Uri;

use crate::CallError;

/// A parsed address. `ws://host:port` or `wss://host:port`, with or without a path; without a scheme `ws` is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    /// Name or address, without the brackets of IPv6.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS is spoken there.
    pub secure: bool,
    authority: String,
    /// Path of the server behind a proxy, without a slash at the end; empty as a rule.
    prefix: String,
}

impl ServerUrl {
    /// Takes what a person typed. A `/ws` at the end is understood, as is `http:`, which names the same server.
    pub(crate) fn parse(text: &str) -> Result<Self, CallError> {
        let text = text.trim();
        let bad = |problem: &str| CallError::BadUrl { url: text.to_owned(), problem: problem.to_owned() };
        let whole = if text.contains("://") { text.to_owned() } else { format!("ws://{text}") };
        let uri: Uri = whole.parse().map_err(|e| bad(&format!("{e}")))?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(bad("the scheme has to be ws or wss")),
        };
        let authority = uri.authority().ok_or_else(|| bad("the host is missing"))?;
        if authority.as_str().contains('@') {
            return Err(bad("user names and passwords are not used"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(bad("the host is missing"));
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none() {
            return Err(bad("the port is not a number up to 65535"));
        }
        let path = uri.path().trim_end_matches('/');
        let prefix = path.strip_suffix("/ws").unwrap_or(path).trim_end_matches('/').to_owned();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Self { host, port, secure, authority: authority.to_string(), prefix })
    }

    /// Where the WebSocket is.
    pub(crate) fn websocket(&self) -> String {
        format!("{self}/ws")
    }

    /// Path of a REST resource, for the request line.
    pub(crate) fn path(&self, resource: &str) -> String {
        format!("{}{resource}", self.prefix)
    }

    /// Host, port and path, as in a link.
    pub(crate) fn place(&self) -> String {
        format!("{}{}", self.authority, self.prefix)
    }

    /// The same server over HTTP, `http://host:port` or `https://host:port`, with the path.
    pub(crate) fn http(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.place())
    }

    /// Value of the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

impl std::fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}{}", if self.secure { "wss" } else { "ws" }, self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_spellings_name_the_same_server() {
        let expected = "ws://127.0.0.1:7788/ws";
        for text in [
            "ws://127.0.0.1:7788",
            "ws://127.0.0.1:7788/",
            "ws://127.0.0.1:7788/ws",
            "127.0.0.1:7788",
            "http://127.0.0.1:7788",
        ] {
            let url = ServerUrl::parse(text).expect(text);
            assert_eq!(url.websocket(), expected);
            assert_eq!((url.host.as_str(), url.port), ("127.0.0.1", 7788));
            assert_eq!(url.path("/rooms"), "/rooms");
        }
    }

    #[test]
    fn a_path_behind_a_proxy_is_kept() {
        let url = ServerUrl::parse("ws://calls.example/sightline/ws").expect("valid");
        assert_eq!(url.websocket(), "ws://calls.example/sightline/ws");
        assert_eq!(url.path("/rooms"), "/sightline/rooms");
        assert_eq!(url.port, 80);
    }

    #[test]
    fn tls_is_told_from_the_scheme() {
        for (text, websocket, port) in [
            ("wss://calls.example", "wss://calls.example/ws", 443),
            ("https://calls.example:8443/sightline", "wss://calls.example:8443/sightline/ws", 8443),
        ] {
            let url = ServerUrl::parse(text).expect(text);
            assert_eq!((url.websocket().as_str(), url.port, url.secure), (websocket, port, true));
        }
    }

    #[test]
    fn the_routes_are_at_the_same_place_over_http() {
        for (text, http) in [
            ("calls.example:7788/ws", "http://calls.example:7788"),
            ("ws://[::1]:7788", "http://[::1]:7788"),
            ("wss://calls.example/sightline/ws", "https://calls.example/sightline"),
        ] {
            assert_eq!(ServerUrl::parse(text).expect(text).http(), http);
        }
    }

    #[test]
    fn ipv6_loses_its_brackets_only_for_connecting() {
        let url = ServerUrl::parse("ws://[::1]:9").expect("valid");
        assert_eq!(url.host, "::1");
        assert_eq!(url.websocket(), "ws://[::1]:9/ws");
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        for (text, word) in [
            ("ftp://calls.example", "scheme"),
            ("", "ws://host:port"),
            ("ws://", "ws://host:port"),
            ("ws://me:secret@host", "passwords"),
            ("ws://host:70000", "ws://host:port"),
            ("not an address", "ws://host:port"),
        ] {
            let error = ServerUrl::parse(text).expect_err(text).to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
