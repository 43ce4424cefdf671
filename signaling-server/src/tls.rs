//! TLS for the listening socket: certificate and key from PEM files, and again from them when the server is told to.
//!
//! Invariant: there is always a certificate that works. New files take the place of the old ones as a whole, or not at all;
//! connections keep what they began with.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
    server::TlsStream,
};

use crate::config::Tls;

/// Longest PEM file that is read. A chain has some 10 KiB; what is longer is another file.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// Why TLS cannot be spoken with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {file}: {reason}")]
    Read {
        /// As configured.
        file: String,
        /// What the system said.
        reason: io::Error,
    },
    /// A file has something else in it.
    #[error("{file} has no {what} in it; it must be a PEM file with {lines}")]
    Nothing {
        /// As configured.
        file: String,
        /// What was looked for.
        what: &'static str,
        /// What it must have.
        lines: &'static str,
    },
    /// They are PEM files but do not work.
    #[error("{cert} and {key} cannot be used together: {reason}")]
    Unusable {
        /// As configured.
        cert: String,
        /// As configured.
        key: String,
        /// What rustls said.
        reason: rustls::Error,
    },
}

/// Makes TLS connections of those that were accepted.
#[derive(Debug)]
pub(crate) struct Acceptor {
    files: Tls,
    current: RwLock<Arc<ServerConfig>>,
}

impl Acceptor {
    pub(crate) fn open(files: Tls) -> Result<Self, TlsError> {
        let current = RwLock::new(load(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files again. When that fails, all stays as it is.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let new = load(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The handshake. It has no end of its own: the caller's time must.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        TlsAcceptor::from(config).accept(stream).await
    }
}

/// Lets a running server read its certificate and key again.
#[derive(Debug, Clone)]
pub struct Reloader(pub(crate) Option<Arc<Acceptor>>);

impl Reloader {
    /// Reads the files again, which takes as long as the disk does: not for a thread that others wait for. New connections
    /// get what was read. Gives whether there was anything to read: a server without TLS has nothing.
    ///
    /// # Errors
    /// The files do not work; those from before stay in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        match &self.0 {
            Some(acceptor) => acceptor.reload().map(|()| true),
            None => Ok(false),
        }
    }
}

/// Whether TLS can be spoken with these files.
///
/// # Errors
/// It cannot; the message says which file is wrong and how.
pub fn check(files: &Tls) -> Result<(), TlsError> {
    load(files).map(drop)
}

fn load(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let name = |path: &Path| path.display().to_string();
    let chain = CertificateDer::pem_slice_iter(&read(&files.cert)?).collect::<Result<Vec<_>, pem::Error>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| TlsError::Nothing {
        file: name(&files.cert),
        what: "certificate",
        lines: "`BEGIN CERTIFICATE`",
    })?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|_| TlsError::Nothing {
        file: name(&files.key),
        what: "private key",
        lines: "`BEGIN PRIVATE KEY`, not encrypted",
    })?;
    let unusable = |reason| TlsError::Unusable { cert: name(&files.cert), key: name(&files.key), reason };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    // RFC 7301. WebSockets over HTTP/2 (RFC 8441) are not served, so it must not be agreed on.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_PEM_BYTES).read_to_end(&mut bytes));
    read.map_err(|reason| TlsError::Read { file: path.display().to_string(), reason })?;
    Ok(bytes)
}
