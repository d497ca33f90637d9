//! Tests of the program as people call it: arguments in, exit code, text and files out.

#[cfg(test)]
mod accounting;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod building;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
mod egress;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod header;
#[cfg(test)]
mod lanes;
#[cfg(test)]
mod output;
#[cfg(test)]
mod program;
#[cfg(test)]
mod records;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tshark;
