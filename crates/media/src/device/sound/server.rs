//! Whether a sound server runs: through ALSA its devices are listed whether or not it does.

/// Marks of the servers that listen for programs.
#[cfg(target_os = "linux")]
pub(super) fn present() -> Vec<String> {
    let at = |variable: &str, socket: &str| {
        let path = std::path::PathBuf::from(std::env::var_os(variable)?).join(socket);
        path.exists().then(|| format!("server {}", path.display()))
    };
    // pipewire(1) and pulseaudio(1): where clients look for their sockets.
    let places = [
        at("PIPEWIRE_RUNTIME_DIR", "pipewire-0"),
        at("XDG_RUNTIME_DIR", "pipewire-0"),
        at("XDG_RUNTIME_DIR", "pulse/native"),
    ];
    places.into_iter().flatten().collect()
}

/// Elsewhere the system itself serves sound.
#[cfg(not(target_os = "linux"))]
pub(super) fn present() -> Vec<String> {
    Vec::new()
}
