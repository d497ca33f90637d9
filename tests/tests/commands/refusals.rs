//! What cannot be done: the exit code, and the words that say why.

use super::program::{Folder, project};
use super::reports::expected;

/// A component that asks for something that sluice does not give.
const OF_ANOTHER_WORLD: &str = r#"(component (import "wasi:cli/environment@0.2.0" (instance
    (export "get-arguments" (func (result (list string)))))))"#;

/// A call, its exit code, and all that it says.
const REFUSALS: [(&str, i32, &str); 23] = [
    ("run -r missing.pcap @midstat", 2, "sluice: missing.pcap: there is no such file"),
    ("run -r . @midstat", 2, "sluice: .: is a directory, not a capture file"),
    (
        "run -r text @midstat",
        5,
        "sluice: text: not a capture file: starts with 68 65 6c 6c 6f 20 77 6f (text)",
    ),
    ("run -r empty @midstat", 5, "sluice: empty: is empty, not a capture file"),
    ("streams -r missing.pcap -o out", 2, "sluice: missing.pcap: there is no such file"),
    ("streams -r SAMPLE -o text", 1, "sluice: text: cannot be written: File exists (os error 17)"),
    ("run -r SAMPLE missing.wasm", 2, "sluice: guest missing.wasm: No such file or directory (os error 2)"),
    (
        "run -r SAMPLE text.wasm",
        3,
        "sluice: guest text.wasm is not WebAssembly: it begins with the bytes 68 65 6c 6c",
    ),
    (
        "run -r SAMPLE core.wasm",
        3,
        "sluice: guest core.wasm is a core module, not a component: wrap it with `sluice build FILE`",
    ),
    (
        "run -r SAMPLE other.wasm",
        3,
        "sluice: guest other.wasm imports wasi:cli/environment@0.2.0, which sluice does not offer: build without WASI",
    ),
    (
        "run -r SAMPLE",
        2,
        "sluice: no guest: name a component, as in `sluice run -r web.pcap midstat.wasm` (`sluice streams` and \
         `--log conn` need none)",
    ),
    (
        "run -r SAMPLE --guest midstat.wasm,rows",
        2,
        "sluice: --guest midstat.wasm,rows: `rows` is no key=value",
    ),
    (
        "run -r SAMPLE @midstat tcp prt 80",
        2,
        "sluice: 'prt' is no word of a filter, and names are not looked up: use an address (column 5)\n  \
         tcp prt 80\n      ^^^",
    ),
    (
        "streams -r SAMPLE -o out host www.example.com",
        2,
        "sluice: 'www.example.com' is no word of a filter, and names are not looked up: use an address (column 6)\n  \
         host www.example.com\n       ^^^^^^^^^^^^^^^",
    ),
    (
        "run -r SAMPLE @midstat intervall=5",
        3,
        "sluice: guest midstat refuses to start: unknown option intervall (options: interval, rows, filter, rtt)",
    ),
    (
        "run -r SAMPLE @midstat interval=0",
        3,
        "sluice: guest midstat refuses to start: interval is in seconds, at least 1",
    ),
    (
        "run -r SAMPLE --guest @byte-reader --guest @midstat,interval=soon",
        3,
        "sluice: guest midstat refuses to start: bad value soon for option interval: invalid digit found in string",
    ),
    (
        "run -r SAMPLE @midstat filter=prt",
        3,
        "sluice: guest midstat refuses to start: cannot open a monitor with the filter \"prt\": \
         not a filter expression",
    ),
    ("run -r SAMPLE -w /dev/full @midstat", 1, "sluice: /dev/full: the disk is full"),
    (
        "run -r SAMPLE -w missing/out.pcap @midstat",
        1,
        "sluice: missing/out.pcap: cannot be created: No such file or directory (os error 2)",
    ),
    (
        "run -r copy.pcap.gz -w copy.pcap.gz @midstat",
        2,
        "sluice: copy.pcap.gz: cannot be read and written at once",
    ),
    (
        "run -r copy.pcap.gz -w ./out/../copy.pcap.gz @midstat",
        2,
        "sluice: copy.pcap.gz: cannot be read and written at once",
    ),
    ("run -r copy.pcap.gz -w link @midstat", 2, "sluice: copy.pcap.gz: cannot be read and written at once"),
];

#[test]
fn what_cannot_be_done_is_said_with_its_reason_and_an_exit_code() {
    let here = Folder::new("refusals");
    let sample = std::fs::read(project().join(super::program::SAMPLE)).unwrap();
    here.write("copy.pcap.gz", &sample);
    here.write("text", "hello world, this is no capture");
    here.write("text.wasm", "hello world, this is no guest");
    here.write("empty", "");
    here.write("core.wasm", wat::parse_str("(module)").unwrap());
    here.write("other.wasm", wat::parse_str(OF_ANOTHER_WORLD).unwrap());
    std::fs::create_dir(here.path("out")).unwrap();
    std::os::unix::fs::symlink("copy.pcap.gz", here.path("link")).unwrap();
    for (words, code, said) in REFUSALS {
        let outcome = here.sluice(words);
        assert_eq!((outcome.complaint(), outcome.code), (said, Some(code)), "sluice {words}");
    }
    assert!(here.read("copy.pcap.gz") == sample, "the capture was changed");
}

#[test]
fn a_capture_that_is_cut_off_is_processed_as_far_as_it_goes() {
    let here = Folder::new("cut-off");
    here.sluice("run -q -r SAMPLE -w whole.pcap @byte-reader").well();
    let whole = here.read("whole.pcap");
    here.write("cut.pcap", &whole[..100_000]);
    let cut = here.sluice("run -r cut.pcap @byte-reader");
    assert_eq!(cut.code, Some(5));
    assert_eq!(
        cut.complaint(),
        "sluice: cut.pcap: the capture is cut short after 209 packets, at byte 99092"
    );
    assert!(
        cut.err.starts_with("-- 209 packets, 95724 bytes, 13 flows in 0.059 s of traffic\n"),
        "{}",
        cut.err
    );
    assert_eq!(cut.out, here.sluice("run -r whole.pcap -c 209 @byte-reader").well().out);
    here.write("cut.pcap.gz", &std::fs::read(project().join(super::program::SAMPLE)).unwrap()[..100_000]);
    let cut = here.sluice("streams -r cut.pcap.gz -o streams");
    assert_eq!(cut.code, Some(5));
    // The place is one in the capture as it was before it was compressed.
    let said = "sluice: cut.pcap.gz: the capture is cut short after 753 packets, at byte 560698";
    assert_eq!(cut.complaint(), said);
    assert_eq!(here.streams("streams").len(), 44);
}

#[test]
fn words_that_no_command_has_are_wrong_usage() {
    let here = Folder::new("usage");
    for words in
        ["", "walk", "run @midstat", "run -r SAMPLE -k some @midstat", "run -r SAMPLE --limit-mem 0 @midstat"]
    {
        let outcome = here.sluice(words);
        assert_eq!(outcome.code, Some(2), "sluice {words}: {}", outcome.err);
        assert!(outcome.out.is_empty(), "sluice {words}: {}", outcome.out);
        assert!(
            outcome.err.contains("Usage: sluice") || outcome.err.contains("try '--help'"),
            "{}",
            outcome.err
        );
    }
    let help = here.sluice("--help").well();
    assert!(help.out.contains("Exit codes:"), "{}", help.out);
}

#[test]
fn a_guest_without_configuration_words_runs_with_a_filter() {
    let here = Folder::new("filter");
    assert_eq!(here.sluice("run -q -r SAMPLE @byte-reader tcp").well().out, expected("byte-reader"));
    let none = here.sluice("run -q -r SAMPLE @byte-reader port 22").well();
    assert!(none.out.starts_with("flows 0\nto server 0 bytes"), "{}", none.out);
}
