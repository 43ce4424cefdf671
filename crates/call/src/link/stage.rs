//! What an interceptor of ours is made of: a rule for packets, and the queues that the chain wants around it.
//!
//! Invariant: a stage holds at most the packets of one call, because the chain polls right after each `handle_*`; its
//! queues therefore need no bound of their own.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{Interceptor, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// A rule for the packets that pass, and for the streams that come and go. `None` swallows a packet.
pub(super) trait Rule: Send + Sync {
    /// A packet from the wire.
    fn inbound(&mut self, packet: TaggedPacket) -> Option<TaggedPacket>;
    /// A packet for the wire.
    fn outbound(&mut self, packet: TaggedPacket) -> Option<TaggedPacket>;
    /// We begin to send a stream.
    fn bind_local(&mut self, _stream: &StreamInfo) {}
    /// The peer begins to send a stream, or goes on with it after a renegotiation.
    fn bind_remote(&mut self, _stream: &StreamInfo) {}
    /// The peer's stream is gone.
    fn unbind_remote(&mut self, _stream: &StreamInfo) {}
}

/// In the `Protocol` of an interceptor that wraps another as `inner`: packets, and the end, are the wrapped one's business alone.
macro_rules! packets_pass_through {
    () => {
        type Rout = TaggedPacket;
        type Wout = TaggedPacket;
        type Eout = ();
        type Error = Error;
        type Time = Instant;

        fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
            self.inner.handle_read(packet)
        }

        fn poll_read(&mut self) -> Option<TaggedPacket> {
            self.inner.poll_read()
        }

        fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
            self.inner.handle_write(packet)
        }

        fn poll_write(&mut self) -> Option<TaggedPacket> {
            self.inner.poll_write()
        }

        fn close(&mut self) -> Result<(), Error> {
            self.inner.close()
        }
    };
}
pub(super) use packets_pass_through;

/// A [`Rule`] as an interceptor.
pub(super) struct Stage<R> {
    rule: R,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl<R: Rule> Stage<R> {
    pub(super) fn new(rule: R) -> Self {
        Self { rule, inbound: VecDeque::new(), outbound: VecDeque::new() }
    }
}

impl<R: Rule> Protocol<TaggedPacket, TaggedPacket, ()> for Stage<R> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.inbound.extend(self.rule.inbound(packet));
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.outbound.extend(self.rule.outbound(packet));
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl<R: Rule> Interceptor for Stage<R> {
    fn bind_local_stream(&mut self, stream: &StreamInfo) {
        self.rule.bind_local(stream);
    }

    fn unbind_local_stream(&mut self, _stream: &StreamInfo) {}

    fn bind_remote_stream(&mut self, stream: &StreamInfo) {
        self.rule.bind_remote(stream);
    }

    fn unbind_remote_stream(&mut self, stream: &StreamInfo) {
        self.rule.unbind_remote(stream);
    }
}
