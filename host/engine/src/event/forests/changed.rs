//! Sets of registrations that differ by one change.

use crate::event::Registration;

/// Whether a set is another one without `remove`, which is in that, and with `add`, which is not.
pub(super) fn is_changed(
    set: &[Registration],
    base: &[Registration],
    remove: Option<Registration>,
    add: Option<Registration>,
) -> bool {
    // Split where the one that goes or comes has its place: what lies around it is compared as a whole.
    let around = |whole: &[Registration], part: &[Registration], entry: &Registration| {
        let place = part.partition_point(|other| other < entry);
        let (Some((front, back)), Some((before, behind))) =
            (whole.split_at_checked(place), part.split_at_checked(place))
        else {
            return false;
        };
        front == before && back.split_first().is_some_and(|(first, rest)| first == entry && rest == behind)
    };
    match (remove, add) {
        (None, Some(add)) => around(set, base, &add),
        (Some(remove), None) => around(base, set, &remove),
        (Some(_), Some(_)) | (None, None) => set.iter().copied().eq(Merged::of(base, remove, add)),
    }
}

/// Ascending registrations without one, and with one more among them.
pub(super) struct Merged<I: Iterator<Item = Registration>> {
    kept: std::iter::Peekable<I>,
    add: Option<Registration>,
}

impl Merged<std::iter::Empty<Registration>> {
    pub(super) fn of(
        base: &[Registration],
        remove: Option<Registration>,
        add: Option<Registration>,
    ) -> Merged<impl Iterator<Item = Registration>> {
        let kept = base.iter().copied().filter(move |entry| Some(*entry) != remove);
        Merged { kept: kept.peekable(), add }
    }
}

impl<I: Iterator<Item = Registration>> Iterator for Merged<I> {
    type Item = Registration;

    fn next(&mut self) -> Option<Registration> {
        match (self.kept.peek().copied(), self.add) {
            (Some(kept), Some(add)) if add < kept => self.add.take(),
            (None, Some(_)) => self.add.take(),
            (Some(_) | None, _) => self.kept.next(),
        }
    }
}
