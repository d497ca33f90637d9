//! What inputs are made of: packet scripts, captures, and a conversation written out.

use std::fs;
use std::io::{self, Error};
use std::path::{Path, PathBuf};

use super::capture::frames_of;
use super::{encode_frames, encode_script};
use crate::Frame;
use crate::script::Script;

/// Frames of a capture that a seed takes.
const SEED_FRAMES: usize = 60;

/// Bytes of a capture file that is a seed.
const SEED_BYTES: u64 = 32 << 10;

/// Configurations that seeds begin with: small limits, wide limits that verify checksums, Linux' rules.
const CONFIGS: [[u8; 4]; 3] = [[0, 0x23, 0x11, 0x21], [0, 0xff, 0x3f, 0xe0], [0x12, 0x77, 0x7f, 0xe1]];

/// Where seeds come from: the project, and the captures beside it if they are there.
#[derive(Clone, Debug)]
pub struct Seeds {
    root: PathBuf,
}

impl Seeds {
    /// The seeds of the project in this folder.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Inputs of [`raw_frame`](super::raw_frame).
    ///
    /// # Errors
    ///
    /// What the system says, or that a script cannot be read.
    pub fn frames(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut seeds = Vec::new();
        let captured = self.captures()?.into_iter().map(|path| captured(&path));
        for (number, frames) in self.scripts()?.into_iter().map(Ok).chain(captured).enumerate() {
            let mut frames = frames?;
            frames.truncate(SEED_FRAMES);
            seeds.push(encode_frames(CONFIGS[number % CONFIGS.len()], &frames));
        }
        Ok(seeds)
    }

    /// Inputs of [`capture_file`](super::capture_file).
    ///
    /// # Errors
    ///
    /// What the system says, or that a script cannot be read.
    pub fn captures_of_all_kinds(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut seeds = Vec::new();
        for path in self.captures()? {
            if fs::metadata(&path)?.len() <= SEED_BYTES {
                seeds.push(fs::read(&path)?);
            }
        }
        for frames in self.scripts()?.iter().step_by(9) {
            seeds.push(pcap(frames)?);
            seeds.push(pcapng(frames)?);
        }
        Ok(seeds)
    }

    /// Inputs of [`segment_script`](super::segment_script).
    #[must_use]
    pub fn segments(&self) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for [_, sizes, room, way] in CONFIGS {
            for (policy, is_honest) in (0..6).flat_map(|policy| [(policy, 0), (policy, 1)]) {
                let config = [policy | policy << 3, sizes, room, way | 1, is_honest];
                seeds.push(encode_script(config, &SEGMENTS));
                seeds.push(encode_script(config, &SEGMENTS[3..]));
            }
        }
        seeds
    }

    fn scripts(&self) -> io::Result<Vec<Vec<Frame>>> {
        let read = |path: &PathBuf| {
            let script = Script::parse(&fs::read_to_string(path)?).map_err(Error::other)?;
            script.frames().map_err(Error::other)
        };
        files(&self.root.join("tests/scripts"), ".script")?.iter().map(read).collect()
    }

    /// The sample, and the captures beside the project.
    fn captures(&self) -> io::Result<Vec<PathBuf>> {
        let mut captures = files(&self.root.join("samples"), ".pcap.gz")?;
        let corpus = self.root.join("../shared/corpus/pcaps");
        if corpus.is_dir() {
            captures.extend(files(&corpus, "pcap")?);
        }
        Ok(captures)
    }
}

/// Files with this ending, in the order of their names.
///
/// # Errors
///
/// What the system says.
pub fn files(folder: &Path, ending: &str) -> io::Result<Vec<PathBuf>> {
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    Ok(paths)
}

fn captured(path: &Path) -> io::Result<Vec<Frame>> {
    let frames = frames_of(fs::read(path)?).map_err(Error::other)?;
    Ok(frames.unwrap_or_default())
}

/// A classic capture with nanoseconds.
fn pcap(frames: &[Frame]) -> io::Result<Vec<u8>> {
    let mut file = [0xa1b2_3c4d_u32, 2 | 4 << 16, 0, 0, 0xffff, 1].map(u32::to_le_bytes).concat();
    for frame in frames {
        let (seconds, nanos) = (frame.time.0 / 1_000_000_000, frame.time.0 % 1_000_000_000);
        let len = frame.bytes.len() as u64;
        for field in [seconds, nanos, len, u64::from(frame.wire_len)] {
            file.extend(u32::try_from(field).map_err(Error::other)?.to_le_bytes());
        }
        file.extend(&frame.bytes);
    }
    Ok(file)
}

/// A pcapng file: a section, an interface, and enhanced packet blocks with microseconds.
fn pcapng(frames: &[Frame]) -> io::Result<Vec<u8>> {
    let block = |kind: u32, body: &[u8]| {
        let padded = [body, &vec![0; body.len().wrapping_neg() % 4]].concat();
        let len = u32::try_from(padded.len() + 12).map_err(Error::other)?.to_le_bytes();
        Ok::<_, Error>([&kind.to_le_bytes()[..], &len, &padded, &len].concat())
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]))?;
    file.extend(block(1, &words(&[1, 0xffff]))?);
    for frame in frames {
        let time = frame.time.0 / 1_000;
        let halves = [time >> 32, time & 0xffff_ffff, frame.bytes.len() as u64];
        let [high, low, len] = halves.map(|half| u32::try_from(half).unwrap_or(u32::MAX));
        file.extend(block(6, &[words(&[0, high, low, len, frame.wire_len]), frame.bytes.clone()].concat())?);
    }
    Ok(file)
}

/// A handshake, data of both sides in and out of order, repeated and acknowledged, and an end. Of each segment: who,
/// flags, place, length, ACK, extra, change, step.
const SEGMENTS: [[u8; 8]; 14] = [
    [0, 0x02, 0, 0, 0, 0x20, 255, 20],
    [1, 0x12, 0, 0, 1, 0x20, 255, 20],
    [0, 0x10, 1, 0, 1, 0, 255, 20],
    [0, 0x18, 1, 20, 1, 0, 255, 20],
    [0, 0x18, 41, 20, 1, 0, 255, 20],
    [1, 0x10, 1, 0, 61, 0, 255, 20],
    [0, 0x18, 31, 20, 1, 0, 252, 28],
    [0, 0x18, 11, 30, 1, 0, 255, 20],
    [1, 0x38, 1, 50, 61, 0, 255, 66],
    [1, 0x18, 101, 50, 61, 0x18, 255, 20],
    [1, 0x11, 151, 0, 61, 0, 255, 20],
    [0, 0x10, 61, 0, 51, 0, 255, 29],
    [0, 0x11, 61, 0, 152, 0, 255, 20],
    [1, 0x10, 152, 0, 62, 0, 255, 20],
];
