//! What comes out of guests is the same on both lanes.

#[cfg(test)]
mod made;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod unfit;
