//! One client's WebSocket: a reader, a writer, and how they end, in one task.
//!
//! Invariant: whatever the client sends or leaves undone, the task holds a bounded amount of memory and ends, and the hub is
//! told that it ended. It decides nothing about rooms.

use std::{
    net::IpAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use sightline_protocol::{ClientMessage, ErrorCode, Refusal, ServerMessage, close, limits};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite;

use crate::{
    accounts::{AccountId, Accounts, lookup::Lookup},
    config::Limits,
    hub::{ConnId, Farewell},
    limiter::Meter,
    metrics::Metrics,
    outbox::{Next, Outbox},
    switch::{Gone, Switch},
    token::TokenHash,
};

/// Messages up to this length are read, so that they can be answered with `too-large`; a client that sends longer ones is
/// closed. Four times the bound: whoever is above that did not go over it by accident.
pub(crate) const READ_BYTES: usize = 4 * limits::MESSAGE_BYTES;

/// How long the client is given to answer a close frame.
const CLOSE_GRACE: Duration = Duration::from_millis(500);

/// For each message beyond its rate a client is not read for so long, so that a flood fills its own line and not the
/// server's time.
const FLOOD_PAUSE: Duration = Duration::from_millis(2);

/// At most one `too-fast` in such a time.
const TOO_FAST_EVERY: Duration = Duration::from_secs(1);

/// How a connection ended.
#[derive(Debug)]
enum End {
    /// The client closed it, or it broke.
    Gone,
    /// Nothing was heard for too long.
    Silent,
    /// A message of more than [`READ_BYTES`].
    TooBig,
    /// The hub closed it.
    Farewell(Farewell),
    /// The hub cut it.
    Cut,
}

/// Serves a client to its end.
pub(crate) async fn serve(
    socket: WebSocket,
    address: IpAddr,
    switch: Switch,
    accounts: Accounts,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
) {
    let outbox = Arc::new(Outbox::new(&limits, metrics));
    let (mut sink, mut stream) = socket.split();
    let end = match switch.connected(address, outbox.clone()).await {
        Ok(conn) => {
            let end = tokio::select! {
                end = read(&mut stream, conn, &switch, accounts, &limits) => end,
                end = write(&mut sink, &outbox, limits.ping_interval) => end,
                () = outbox.is_cut() => End::Cut,
            };
            tracing::debug!(conn, ?end, "connection ended");
            // The hub may have ended before us.
            switch.disconnected(conn).await.ok();
            end
        }
        Err(Gone) => End::Farewell(Farewell::ShuttingDown),
    };
    say_goodbye(end, &mut sink, &mut stream).await;
}

async fn read(
    stream: &mut SplitStream<WebSocket>,
    conn: ConnId,
    switch: &Switch,
    accounts: Accounts,
    limits: &Limits,
) -> End {
    let mut lookup = Lookup::new(accounts);
    let mut meter = Meter::new(Instant::now());
    let mut told_at: Option<Instant> = None;
    let mut heard_at = Instant::now();
    // Moved only when it is due: a timer for each message would cost more than the rest of this.
    let mut silence = pin!(sleep(limits.silence));
    loop {
        let next = tokio::select! {
            biased;
            next = stream.next() => next,
            () = silence.as_mut() => {
                let until = heard_at + limits.silence;
                if until <= Instant::now() {
                    return End::Silent;
                }
                silence.as_mut().reset(until.into());
                continue;
            }
        };
        let message = match next {
            Some(Ok(message)) => message,
            Some(Err(error)) => return if is_too_big(error) { End::TooBig } else { End::Gone },
            None => return End::Gone,
        };
        let now = Instant::now();
        heard_at = now;
        let message = if !meter.take(limits.messages, now) {
            sleep(FLOOD_PAUSE).await;
            if told_at.is_some_and(|at| now.duration_since(at) < TOO_FAST_EVERY) {
                continue;
            }
            told_at = Some(now);
            Err(Refusal::new(
                ErrorCode::TooFast,
                "You send too many messages in a short time; some were dropped. Slow down.",
            ))
        } else {
            match message {
                Message::Text(text) => match ClientMessage::parse(&text) {
                    // Boxed, as is what is seldom below: the task of an idle connection is as large as what it might do.
                    Ok(message) => Box::pin(lookup.known(&message)).await.map(|known| (message, known)),
                    Err(refusal) => Err(refusal),
                },
                Message::Binary(_) => {
                    Err(Refusal::new(ErrorCode::BadMessage, "Messages are JSON in text frames, not binary ones."))
                }
                // Answered underneath; after a close the stream ends by itself.
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) => continue,
            }
        };
        let device = match &message {
            Ok((_, Some(known))) => known.device.as_ref().map(|device| (device.account.id, device.session)),
            _ => None,
        };
        if let Err(Gone) = switch.message(conn, message).await {
            return End::Farewell(Farewell::ShuttingDown);
        }
        if let Some((account, session)) = device
            && Box::pin(signed_out_meanwhile(&lookup, switch, account, session)).await.is_err()
        {
            return End::Farewell(Farewell::ShuttingDown);
        }
    }
}

/// Signs a device out whose session ended while its hello was on its way to the hub.
async fn signed_out_meanwhile(
    lookup: &Lookup,
    switch: &Switch,
    account: AccountId,
    session: TokenHash,
) -> Result<(), Refusal> {
    if !lookup.is_over(session).await {
        return Ok(());
    }
    switch
        .ask(move |hub, now, out| {
            hub.signed_out(account, |other| other.as_bytes() == session.as_bytes(), now, out);
            Ok(())
        })
        .await
}

async fn write(sink: &mut SplitSink<WebSocket, Message>, outbox: &Outbox, ping_interval: Duration) -> End {
    let mut ping = tokio::time::interval(ping_interval);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ping.reset();
    loop {
        let next = tokio::select! {
            next = outbox.next() => next,
            _ = ping.tick() => {
                if sink.send(Message::Ping(Default::default())).await.is_err() {
                    return End::Gone;
                }
                continue;
            }
        };
        // All that waits goes out in one write.
        let mut next = Some(next);
        while let Some(Next::Text(text)) = next {
            if sink.feed(Message::Text(text)).await.is_err() {
                return End::Gone;
            }
            next = outbox.try_next();
        }
        if sink.flush().await.is_err() {
            return End::Gone;
        }
        if let Some(Next::Close(farewell)) = next {
            return End::Farewell(farewell);
        }
    }
}

/// Says why, where there is somebody to hear it, and lets the client close its side: a socket that is dropped with
/// something unread in it takes back what was written to it.
async fn say_goodbye(end: End, sink: &mut SplitSink<WebSocket, Message>, stream: &mut SplitStream<WebSocket>) {
    let (code, reason, words) = match end {
        End::Gone | End::Cut => return,
        End::Silent => (close::SILENT, "nothing heard", None),
        End::TooBig => {
            let message = format!("A message has at most {} bytes. This one was not read.", limits::MESSAGE_BYTES);
            (close::TOO_BIG, "message too big", Some(Refusal::new(ErrorCode::TooLarge, message)))
        }
        End::Farewell(farewell) => {
            let (code, reason) = farewell.close_frame();
            (code, reason, None)
        }
    };
    let goodbye = async {
        if let Some(refusal) = words {
            let text = Utf8Bytes::from(ServerMessage::from(refusal).to_json());
            sink.send(Message::Text(text)).await.ok()?;
        }
        sink.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await.ok()?;
        while let Some(Ok(_)) = stream.next().await {}
        Some(())
    };
    // Out of time or out of line: it is over either way.
    timeout(CLOSE_GRACE, goodbye).await.ok();
}

fn is_too_big(error: axum::Error) -> bool {
    let error = error.into_inner().downcast::<tungstenite::Error>();
    matches!(error.as_deref(), Ok(tungstenite::Error::Capacity(_)))
}
