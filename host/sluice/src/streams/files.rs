//! The files: one for each stream, and the list of all of them.
//!
//! A capture may hold more connections than a process may have files open. So bytes gather in memory, and a file is
//! opened only to append what has gathered.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sluice_engine::Direction;

use super::record::{FlowRecord, StreamRecord};
use crate::cli::GapMode;

/// Bytes of one stream that gather before they are written.
///
/// 64 KiB make an open, a write and a close cheap against the copy.
const GATHERED: usize = 64 << 10;

/// Bytes of all streams together that gather. Beyond that, what comes is written at once: ten thousand downloads side
/// by side would otherwise hold 64 KiB each.
const GATHERED_TOTAL: usize = 64 << 20;

/// The longest gap that is written as zeros. A capture of a few bytes may hold gaps of gigabytes.
const ZEROS_MAX: u64 = 64 << 20;

/// Name of the list.
const LIST: &str = "streams.jsonl";

/// See the module.
#[derive(Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    list: BufWriter<File>,
    gaps: GapMode,
    flows: u64,
    streams: u64,
    gathered: usize,
}

impl Files {
    /// Makes the directory and the list in it.
    pub(crate) fn create(directory: &Path, gaps: GapMode) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let list = BufWriter::new(File::create(directory.join(LIST))?);
        Ok(Self { directory: directory.to_owned(), list, gaps, flows: 0, streams: 0, gathered: 0 })
    }

    /// The number of the next connection, from 1.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.flows += 1;
        self.flows
    }

    /// Appends bytes to a stream's file.
    pub(crate) fn write(&mut self, stream: &mut StreamRecord, bytes: &[u8]) -> io::Result<()> {
        stream.note(bytes);
        stream.pending.extend_from_slice(bytes);
        self.gathered = self.gathered.saturating_add(bytes.len());
        let is_due = stream.pending.len() >= GATHERED || self.gathered > GATHERED_TOTAL;
        if is_due { self.append(stream) } else { Ok(()) }
    }

    /// Writes what stands for a gap.
    pub(crate) fn write_gap(&mut self, stream: &mut StreamRecord, length: u64) -> io::Result<()> {
        if self.gaps == GapMode::Skip || length > ZEROS_MAX {
            return Ok(());
        }
        let zeros = [0; 4096];
        let mut left = usize::try_from(length).unwrap_or(0);
        while left > 0 {
            let piece = left.min(zeros.len());
            self.write(stream, &zeros[..piece])?;
            left -= piece;
        }
        Ok(())
    }

    /// A connection has ended: its files are complete.
    pub(crate) fn end(&mut self, mut record: FlowRecord, reason: &str) -> io::Result<()> {
        for direction in Direction::BOTH {
            self.append(record.stream(direction))?;
            serde_json::to_writer(&mut self.list, &record.line(direction, reason))?;
            self.list.write_all(b"\n")?;
            self.streams += 1;
        }
        Ok(())
    }

    /// Brings everything out; gives how many streams were listed.
    pub(crate) fn finish(mut self) -> io::Result<u64> {
        self.list.flush()?;
        Ok(self.streams)
    }

    /// Writes what has gathered. The first time the file is made, so that an empty stream has one too, and a file of an
    /// earlier run does not stay.
    fn append(&mut self, stream: &mut StreamRecord) -> io::Result<()> {
        let is_first = stream.bytes == stream.pending.len() as u64;
        let path = self.directory.join(&stream.file);
        let mut options = OpenOptions::new();
        options.create(true);
        if is_first {
            options.write(true).truncate(true);
        } else {
            options.append(true);
        }
        let mut file = options.open(path)?;
        file.write_all(&stream.pending)?;
        self.gathered = self.gathered.saturating_sub(stream.pending.len());
        stream.pending = Vec::new();
        Ok(())
    }
}
