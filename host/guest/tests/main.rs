//! Guests against the host: what loads, what is refused, and what hostile ones achieve.

#[cfg(test)]
mod abi;
#[cfg(test)]
mod bursts;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod component;
#[cfg(test)]
mod egress;
#[cfg(test)]
mod filtering;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod loading;
#[cfg(test)]
mod matching;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod shipped;
#[cfg(test)]
mod starting;
#[cfg(test)]
mod tcp_info;
#[cfg(test)]
mod telling;
#[cfg(test)]
mod worker;
