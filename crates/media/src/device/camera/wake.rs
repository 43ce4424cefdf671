//! Wakes a thread that waits for a camera which gives nothing.
//!
//! Invariant: the camera's handle is shared by all who open it in this process, so a stalled camera can be opened again only
//! after the waiting thread gave it back. nokhwa waits in poll(2), which ends with EINTR on any handled signal, also with
//! SA_RESTART (signal(7)); SIGURG is ignored by default, so a stray one harms nobody.

#[cfg(unix)]
mod imp {
    use std::os::unix::thread::JoinHandleExt;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, OnceLock};
    use std::thread::JoinHandle;

    use nix::sys::pthread::pthread_kill;
    use nix::sys::signal::Signal;

    /// Ends the wait of a thread that has not been joined.
    pub(in super::super) fn wake(thread: &JoinHandle<()>) {
        static HANDLED: OnceLock<bool> = OnceLock::new();
        // The handler sets a flag that nobody reads: that a handler runs is what ends the wait.
        let handled = HANDLED.get_or_init(|| {
            signal_hook::flag::register(Signal::SIGURG as i32, Arc::new(AtomicBool::new(false))).is_ok()
        });
        if !handled || pthread_kill(thread.as_pthread_t(), Signal::SIGURG).is_err() {
            tracing::warn!("the thread of a stalled camera cannot be woken");
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::thread::JoinHandle;

    /// Media Foundation gives every opening its own handle: the waiting thread can be left behind.
    pub(in super::super) fn wake(_thread: &JoinHandle<()>) {}
}

pub(super) use imp::wake;
