//! How an encoder is brought to a higher rate soon.
//!
//! libvpx learns what its quantisers cost by a quarter of what it is off per picture, in each temporal layer by itself: told of
//! 1.5 instead of 0.26 Mbit/s in the first second, it takes a second and a half to make them. So it is told of more than is wanted
//! while it makes less.
//!
//! Invariant: only for a second after a rise, never for more than [`MOST`] times what is wanted, and never for less. Afterwards what
//! it makes is its own affair: a picture that does not need its share must not be answered by a rate that the next one takes.

/// Pictures for which the encoder is helped: a second at 30 a second.
const PICTURES: u32 = 30;
/// A rise by less than this factor takes no help. It is more than an estimate wobbles by, where help would only fill the queue of a
/// slow link, and more than fewer pictures for the same rate make of each.
const RISE: f64 = 1.6;
/// Most that is told, times what is wanted.
const MOST: f64 = 4.0;
/// What a new encoder is told before it has shown what it makes.
const FIRST: f64 = 2.0;
/// The figure is changed when it is off by more than this part.
const SLACK: f64 = 0.05;

/// Watches the sizes of pictures after a rise.
#[derive(Debug)]
pub(crate) struct CatchUp {
    /// Bytes of a picture of the mean.
    wanted: f64,
    /// Of the last base and the last upper picture since the rise: bytes that were made, and that were told.
    made: [Option<(f64, f64)>; 2],
    left: u32,
    /// Pictures so far, up to [`PICTURES`]: then the encoder knows what it does, and follows a rise by itself as a rule.
    age: u32,
    applied: f64,
}

impl CatchUp {
    /// Begins without help: what the link carries is not known then.
    pub(crate) fn new(picture_bytes: f64) -> Self {
        Self { wanted: picture_bytes, made: [None; 2], left: 0, age: 0, applied: 1.0 }
    }

    /// Pictures are to take so many bytes on the mean from now on.
    pub(crate) fn want(&mut self, picture_bytes: f64) {
        if picture_bytes > self.wanted * RISE {
            self.left = PICTURES;
            self.made = [None; 2];
        } else if picture_bytes < self.wanted {
            self.left = 0;
        }
        self.wanted = picture_bytes;
    }

    /// A picture was made. Keyframes are sized by other rules, and say nothing of those that follow.
    pub(crate) fn made(&mut self, bytes: usize, is_upper: bool, is_key: bool) {
        self.left = self.left.saturating_sub(1);
        self.age = (self.age + 1).min(PICTURES);
        if !is_key {
            self.made[usize::from(is_upper)] = Some((bytes as f64, self.wanted * self.applied));
        }
    }

    /// Where it changes, what is to be told for the next picture, times what is wanted.
    pub(crate) fn next(&mut self) -> Option<f64> {
        let factor = match self.made {
            _ if self.left == 0 || self.age == 0 => 1.0,
            // How much of what it is told it makes: what it made in answer to more than was wanted counts for less.
            [Some((base, for_base)), Some((upper, for_upper))] => {
                ((for_base + for_upper) / (base + upper).max(1.0)).clamp(1.0, MOST)
            }
            _ if self.age < PICTURES => FIRST,
            _ => 1.0,
        };
        let is_other = (factor / self.applied - 1.0).abs() > SLACK || (factor == 1.0 && self.applied != 1.0);
        is_other.then(|| {
            self.applied = factor;
            factor
        })
    }

    /// What is told now, times what is wanted.
    pub(crate) fn factor(&self) -> f64 {
        self.applied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of such a share of what is told, a base one first; what is told after each, times what is wanted.
    fn told(catch_up: &mut CatchUp, shares: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let step = |(number, share): (usize, f64)| {
            let bytes = catch_up.wanted * catch_up.factor() * share;
            catch_up.made(bytes as usize, number % 2 == 1, false);
            catch_up.next();
            catch_up.factor()
        };
        shares.into_iter().enumerate().map(step).collect()
    }

    #[test]
    fn who_makes_less_than_he_is_told_is_told_more_and_does_not_swing() {
        let mut catch_up = CatchUp::new(1000.0);
        told(&mut catch_up, [1.0; 40]);
        catch_up.want(6000.0);
        assert_eq!(catch_up.next(), None, "what was made before the rise says nothing");
        let factors = told(&mut catch_up, [0.5; 20]);
        assert!(factors[1..].iter().all(|factor| (*factor - 2.0).abs() < 0.01), "{factors:?}");
        assert_eq!(told(&mut catch_up, [1.0, 1.0])[1], 1.0);
    }

    #[test]
    fn a_picture_that_needs_little_is_left_alone_after_a_second() {
        let mut catch_up = CatchUp::new(1000.0);
        assert!(told(&mut catch_up, [0.05; 10]).iter().all(|factor| *factor == 1.0), "nothing has risen");
        catch_up.want(6000.0);
        assert_eq!(catch_up.next(), Some(FIRST));
        let factors = told(&mut catch_up, [0.05; 60]);
        assert_eq!((factors[0], factors[10]), (FIRST, MOST));
        assert!(factors[30..].iter().all(|factor| *factor == 1.0), "{factors:?}");
    }

    #[test]
    fn a_fall_and_a_trifle_take_no_help() {
        let mut catch_up = CatchUp::new(6000.0);
        told(&mut catch_up, [1.0; 40]);
        catch_up.want(6500.0);
        assert_eq!(told(&mut catch_up, [0.5; 4])[3], 1.0);
        catch_up.want(12_000.0);
        assert!(told(&mut catch_up, [0.4; 4])[3] > 2.0);
        catch_up.want(4000.0);
        assert_eq!(told(&mut catch_up, [0.4; 4])[3], 1.0);
        catch_up.made(90_000, false, true);
        assert_eq!(catch_up.next(), None, "a keyframe is no measure");
    }
}
