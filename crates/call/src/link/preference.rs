//! Mends defect 19: the crate gives all UDP candidates of a type one priority, though it must be unique (RFC 8445,
//! 5.1.2.1). Where we control ICE and have several addresses, Chromium gives up the pair that we nominate if an equal one
//! answers its own check first, and after an ICE restart it sends into the old path until that has timed out: three to
//! four seconds without sound and pictures.
//!
//! Invariant: within one gathering each candidate is told with a lower local preference than those before it. That is
//! the order in which the crate prefers them too: of pairs that are equal to it, it nominates the first.

/// Hands out local preferences in one gathering after the other.
#[derive(Debug, Default)]
pub(super) struct Preference {
    /// Candidates told in this gathering.
    told: u32,
}

impl Preference {
    /// The candidate line with its own preference; a line that is none comes back as it is.
    pub(super) fn rank(&mut self, line: String) -> String {
        // foundation component transport priority ... (RFC 8839, 5.1)
        let mut words: Vec<&str> = line.split(' ').collect();
        let Some(priority) = words.get(3).and_then(|word| word.parse::<u32>().ok()) else { return line };
        // type preference (8 bits), local preference (16), 256 - component (8)
        let local = ((priority >> 8) & 0xffff).saturating_sub(self.told);
        let ranked = ((priority & 0xff00_00ff) | (local << 8)).to_string();
        self.told += 1;
        words[3] = &ranked;
        words.join(" ")
    }

    /// A gathering is over; the next one starts at the top, or the peer would prefer the old candidates to the new.
    pub(super) fn done(&mut self) {
        self.told = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host";

    #[test]
    fn preferences_fall_within_a_gathering_and_start_again_with_the_next() {
        let mut preference = Preference::default();
        assert_eq!(preference.rank(HOST.to_owned()), HOST);
        assert_eq!(preference.rank(HOST.to_owned()), HOST.replace("2130706431", "2130706175"));
        let relay = "candidate:2 1 udp 16777215 192.0.2.9 3478 typ relay raddr 192.0.2.1 rport 5000";
        assert_eq!(preference.rank(relay.to_owned()), relay.replace("16777215", "16776703"));
        preference.done();
        assert_eq!(preference.rank(HOST.to_owned()), HOST);
    }

    #[test]
    fn what_is_no_candidate_is_left_alone() {
        let mut preference = Preference::default();
        for line in ["", "candidate:1 1 udp", "candidate:1 1 udp x 192.0.2.1 5000 typ host"] {
            assert_eq!(preference.rank(line.to_owned()), line);
        }
        for _ in 0..70_000 {
            preference.rank(HOST.to_owned());
        }
        assert!(preference.rank(HOST.to_owned()).contains(" 2113929471 "), "the lowest, and no lower");
    }
}
