//! Offers and answers of one link (RFC 8829), one at a time. Which side gives way is the caller's to decide.
//!
//! Invariant: after each call the connection is in the state that the text returned speaks of; a call that failed has
//! changed nothing that the peer could notice.

use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::shared::error::Error;
use sightline_protocol::IceCandidate;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};

use super::dtls_role::DtlsRole;
use super::types::LinkError;

/// Candidates kept until the first description comes: 16 addresses on the peer's side, a few kinds each.
const MAX_WAITING: usize = 64;

/// Where the negotiation of a link stands.
#[derive(Default)]
pub(super) struct Negotiation {
    role: DtlsRole,
    /// The next offer restarts ICE.
    restart: bool,
    /// The offer under way does.
    restarting: bool,
    /// The peer's candidates that came before its first description.
    waiting: Vec<IceCandidate>,
    /// ICE user fragment of the peer's description in force: another one is an ICE restart (RFC 8445, 9).
    peer_fragment: Option<String>,
    /// ICE restarts so far.
    pub(super) restarts: u64,
}

impl Negotiation {
    pub(super) fn restart_ice(&mut self) {
        self.restart = true;
    }

    pub(super) async fn offer(&mut self, connection: &dyn PeerConnection) -> Result<String, LinkError> {
        let options = RTCOfferOptions { ice_restart: self.restart };
        let offer = connection.create_offer(Some(options)).await.map_err(state)?;
        let sdp = offer.sdp.clone();
        connection.set_local_description(offer).await.map_err(state)?;
        self.restarting = std::mem::take(&mut self.restart);
        Ok(sdp)
    }

    pub(super) async fn answer(&mut self, connection: &dyn PeerConnection, offer: &str) -> Result<String, LinkError> {
        let offer = RTCSessionDescription::offer(offer.to_owned()).map_err(description)?;
        let before = self.restarts;
        self.take_remote(connection, offer).await?;
        // The peer's restart renews our credentials too: one of ours that gave way to it is done (RFC 8445, 9).
        self.restart &= self.restarts == before;
        let answer = connection.create_answer(None).await.map_err(state)?;
        let sdp = answer.sdp.clone();
        connection.set_local_description(answer).await.map_err(state)?;
        Ok(self.role.mend(sdp))
    }

    pub(super) async fn accept_answer(
        &mut self,
        connection: &dyn PeerConnection,
        answer: &str,
    ) -> Result<(), LinkError> {
        let parsed = RTCSessionDescription::answer(answer.to_owned()).map_err(description)?;
        self.take_remote(connection, parsed).await?;
        self.role.learn_from_peer(answer);
        self.restarting = false;
        Ok(())
    }

    /// Drops our pending offer. True where a new one must follow, because the dropped one was to restart ICE.
    pub(super) async fn rollback(&mut self, connection: &dyn PeerConnection) -> Result<bool, LinkError> {
        let rollback = RTCSessionDescription::rollback(None).map_err(state)?;
        connection.set_local_description(rollback).await.map_err(state)?;
        self.restart |= std::mem::take(&mut self.restarting);
        Ok(self.restart)
    }

    pub(super) async fn add_candidate(
        &mut self,
        connection: &dyn PeerConnection,
        candidate: IceCandidate,
    ) -> Result<(), LinkError> {
        if self.peer_fragment.is_some() {
            return add(connection, candidate).await;
        }
        if self.waiting.len() == MAX_WAITING {
            return Err(LinkError::Candidate("too many came before any offer or answer".to_owned()));
        }
        self.waiting.push(candidate);
        Ok(())
    }

    async fn take_remote(
        &mut self,
        connection: &dyn PeerConnection,
        description: RTCSessionDescription,
    ) -> Result<(), LinkError> {
        let fragment = fragment(&description.sdp);
        connection.set_remote_description(description).await.map_err(self::description)?;
        if self.peer_fragment.is_some() && self.peer_fragment != fragment {
            self.restarts += 1;
        }
        self.peer_fragment = fragment.or(Some(String::new()));
        for candidate in std::mem::take(&mut self.waiting) {
            if let Err(error) = add(connection, candidate).await {
                tracing::warn!(%error, "a candidate of the peer is left out");
            }
        }
        Ok(())
    }
}

async fn add(connection: &dyn PeerConnection, candidate: IceCandidate) -> Result<(), LinkError> {
    let init = RTCIceCandidateInit {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdp_mid,
        sdp_mline_index: candidate.sdp_m_line_index,
        username_fragment: candidate.username_fragment,
        url: None,
    };
    connection.add_ice_candidate(init).await.map_err(|error| LinkError::Candidate(error.to_string()))
}

/// The first `a=ice-ufrag` (RFC 8839, 5.4): bundled sections share it.
fn fragment(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:")).map(str::to_owned)
}

fn state(error: Error) -> LinkError {
    match error {
        Error::ErrConnectionClosed => LinkError::Closed,
        error => LinkError::State(error.to_string()),
    }
}

fn description(error: Error) -> LinkError {
    match error {
        Error::ErrConnectionClosed => LinkError::Closed,
        Error::ErrSignalingStateProposedTransitionInvalid(_) => LinkError::State(error.to_string()),
        error => LinkError::Description(error.to_string()),
    }
}
