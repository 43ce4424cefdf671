//! What surrounds the server, over real sockets: TLS, proxies, those who are slow, and the program with its settings.

mod program;
mod proxy;
mod slow;
mod support;
mod tls;
