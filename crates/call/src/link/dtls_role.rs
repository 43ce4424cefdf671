//! Mends defect 10: the crate answers with the DTLS role it would like, not with the one in force, so that after an offer
//! of ours its answer to the peer's re-offer is refused ('Failed to set SSL role').
//!
//! Invariant: the role is fixed by the first answer, whoever gave it, and every later answer of ours repeats it
//! (RFC 8842, 5.3). Only the text that is sent is mended: the crate itself keeps to the role in force.

/// Our role in the DTLS handshake, once it is known.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum DtlsRole {
    /// No answer yet.
    #[default]
    Open,
    /// We open the handshake.
    Active,
    /// The peer does.
    Passive,
}

impl DtlsRole {
    /// Learns from the peer's answer.
    pub(super) fn learn_from_peer(&mut self, answer: &str) {
        if *self == Self::Open {
            *self = match setup(answer) {
                Some("active") => Self::Passive,
                Some("passive") => Self::Active,
                _ => Self::Open,
            };
        }
    }

    /// Our answer as it must be sent.
    pub(super) fn mend(&mut self, answer: String) -> String {
        let stated = setup(&answer);
        match (*self, stated) {
            (Self::Open, Some("active")) => *self = Self::Active,
            (Self::Open, Some("passive")) => *self = Self::Passive,
            (Self::Active, Some("passive")) => return answer.replace("a=setup:passive", "a=setup:active"),
            (Self::Passive, Some("active")) => return answer.replace("a=setup:active", "a=setup:passive"),
            _ => {}
        }
        answer
    }
}

/// Value of the first `a=setup` line (RFC 4145).
fn setup(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=setup:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVE: &str = "v=0\r\na=setup:active\r\nm=video\r\na=setup:active\r\n";
    const PASSIVE: &str = "v=0\r\na=setup:passive\r\nm=video\r\na=setup:passive\r\n";

    #[test]
    fn who_offered_first_stays_passive_in_later_answers() {
        let mut role = DtlsRole::default();
        role.learn_from_peer(ACTIVE);
        assert_eq!(role.mend(ACTIVE.to_owned()), PASSIVE);
        assert_eq!(role.mend(PASSIVE.to_owned()), PASSIVE);
    }

    #[test]
    fn who_answered_first_stays_as_it_said() {
        let mut role = DtlsRole::default();
        assert_eq!(role.mend(ACTIVE.to_owned()), ACTIVE);
        assert_eq!(role.mend(ACTIVE.to_owned()), ACTIVE);
        role.learn_from_peer(ACTIVE);
        assert_eq!(role, DtlsRole::Active, "the first answer counts");
    }

    #[test]
    fn a_text_without_a_role_is_left_alone() {
        let mut role = DtlsRole::default();
        role.learn_from_peer("v=0\r\n");
        assert_eq!(role.mend("v=0\r\n".to_owned()), "v=0\r\n");
        assert_eq!(role, DtlsRole::Open);
    }
}
