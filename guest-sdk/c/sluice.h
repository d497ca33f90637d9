/* The world of sluice for guests in C, without a C library: the imports with their canonical ABI, and an allocator
 * for what the host hands over. `sluice build guest.c` finds this file by itself.
 *
 * A guest defines `start` and what else it needs:
 *
 *     SLUICE_EXPORT("start") sluice_answer *start(const sluice_setting *settings, uint32_t count) { ... }
 *     SLUICE_EXPORT("filter") bool filter(SLUICE_EVENT) { ... }
 *     SLUICE_EXPORT("callback") uint32_t callback(SLUICE_EVENT) { ... }
 *     SLUICE_EXPORT("on-timer") void on_timer(uint32_t timer, uint64_t argument, uint64_t time) { ... }
 *     SLUICE_EXPORT("stop") void stop(void) { ... }
 *     SLUICE_ON_BURST(events, count, arena) { ... }
 *     SLUICE_ON_READY(flows, count) { ... }
 *
 * Every import of the WIT files is here as `sluice_raw_...`, with `answer` for what it answers. Those that are used
 * most have a function without `raw` that is easier to call. Numbers, events and errors are described in the WIT files.
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLUICE_EXPORT(name) __attribute__((export_name(name), visibility("default")))
#define SLUICE_IMPORT(interface, name) \
    __attribute__((import_module("sluice:middlebox/" interface "@0.1.0"), import_name(name)))

/* Parameters of `filter` and `callback`. */
#define SLUICE_EVENT                                                                                             \
    uint32_t id, uint32_t kind, uint32_t place, uint64_t flow, uint64_t time, uint64_t user_context,              \
        uint64_t argument, uint64_t offset, uint32_t readable, uint32_t length, uint32_t wire_length,            \
        uint32_t sequence, uint32_t acknowledgment, uint32_t window, uint32_t ports, uint32_t states

enum { SLUICE_PACKET_IN = 1, SLUICE_CONN_START, SLUICE_STATE_CHANGE, SLUICE_REXMIT, SLUICE_CONFLICT,
       SLUICE_NEW_DATA, SLUICE_GAP, SLUICE_ERROR, SLUICE_CONN_END, SLUICE_ORPHAN };
enum { SLUICE_TO_SERVER, SLUICE_TO_CLIENT };
/* Sides, and ends of filters: the third is both sides, or either end. */
enum { SLUICE_CLIENT, SLUICE_SERVER, SLUICE_BOTH };
enum { SLUICE_HOOK_NONE, SLUICE_HOOK_SENDER, SLUICE_HOOK_RECEIVER };
enum { SLUICE_LEVEL_STATE, SLUICE_LEVEL_COUNT, SLUICE_LEVEL_FULL };
enum { SLUICE_REGION_FRAME, SLUICE_REGION_IP, SLUICE_REGION_TCP, SLUICE_REGION_PAYLOAD };
enum { SLUICE_LOG_ERROR, SLUICE_LOG_WARN, SLUICE_LOG_INFO, SLUICE_LOG_DEBUG };
enum { SLUICE_NO_PACKET = 1, SLUICE_NO_FLOW, SLUICE_NOT_ALLOWED, SLUICE_NO_CAPABILITY, SLUICE_BAD_ID, SLUICE_BAD_HOOK,
       SLUICE_NO_DATA, SLUICE_NOT_BUFFERED, SLUICE_TOO_MANY, SLUICE_TOO_LONG, SLUICE_BAD_FILTER, SLUICE_BAD_JSON,
       SLUICE_EXISTS, SLUICE_BAD_ARGUMENT, SLUICE_NOT_SUPPORTED };

typedef struct { const char *text; uint32_t length; } sluice_string;
typedef struct { sluice_string key, value; } sluice_setting;
typedef struct { const uint8_t *bytes; uint32_t length; } sluice_bytes;
typedef struct { const uint64_t *words; uint32_t count; } sluice_words;

/* What `start` answers: `is_error` 0, or 1 with a message for the operator. */
typedef struct { uint32_t is_error; sluice_string message; } sluice_answer;

/* A value or an error; the number of a value or the error; nothing or an error, which is `number`. */
#define SLUICE_OR_ERROR(type, name) struct { bool is_error; union { type name; uint32_t error; }; }
typedef struct { bool is_error; uint32_t number; } sluice_number;
typedef sluice_number sluice_done;
typedef SLUICE_OR_ERROR(sluice_bytes, bytes) sluice_some_bytes;
typedef SLUICE_OR_ERROR(sluice_words, words) sluice_some_words;

/* Why `peek` and `scan` gave nothing: so many bytes were missed, or they were refused with this error. */
typedef struct { bool is_refused; union { uint64_t missed; uint32_t error; }; } sluice_peek_error;
typedef struct { bool is_error; union { sluice_bytes bytes; sluice_peek_error why; }; } sluice_peeked;
typedef struct { bool is_error; union { sluice_words words; sluice_peek_error why; }; } sluice_scanned;

/* Records. */
typedef struct { uint64_t high, low; } sluice_address;
typedef struct {
    uint64_t time, offset;
    uint32_t wire_length, captured_length, ip_offset, tcp_offset, payload_offset, payload_length, payload_captured,
        sequence, acknowledgment, window, flags, urgent, ttl, vlan;
} sluice_packet_info;
typedef struct { uint64_t position, held_from, next, highest, ahead; } sluice_buffer_state;
typedef struct {
    sluice_address client_address, server_address;
    uint16_t client_port, server_port, vlan_outer, vlan_inner;
} sluice_flow_endpoints;
typedef struct {
    uint64_t log_id, start_time, last_activity;
    uint32_t client_state, server_state, end_reason;
    bool partial;
} sluice_flow_info;
typedef struct {
    uint64_t packets, ip_bytes, payload_bytes, delivered_bytes, retransmissions, out_of_order, gap_bytes, conflicts,
        refused;
} sluice_side_statistics;
typedef struct {
    uint32_t state;
    uint64_t packets, ip_bytes, stream_bytes, missed_bytes;
    uint32_t gaps, retransmissions, out_of_order, conflicts, urgent_bytes, zero_windows, wrong_checksums, window,
        window_max, rtt_samples;
    uint64_t rtt_handshake, rtt_latest, rtt_shortest, rtt_smoothed, rtt_variation;
} sluice_side_observables;
/* A number that may be missing. */
typedef struct { bool is_some; uint64_t value; } sluice_maybe;
typedef struct {
    uint32_t state, options;
    uint8_t snd_wscale, rcv_wscale;
    uint64_t rto;
    uint32_t snd_mss, rcv_mss, advmss, unacked;
    uint64_t unacked_bytes;
    uint32_t sacked, sacked_bytes, retrans, total_retrans;
    uint64_t bytes_retrans;
    uint32_t dsack_dups, rcv_ooopack;
    sluice_maybe last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
    uint32_t largest_sent;
    uint64_t rtt, rttvar, min_rtt;
    uint32_t snd_wnd, rcv_wnd;
    uint64_t bytes_acked, bytes_received, bytes_sent, segs_out, segs_in, data_segs_out, data_segs_in, delivered;
} sluice_side_tcp_info;
typedef struct { uint16_t first, last; } sluice_port_range;
typedef struct { sluice_address address; uint8_t bits; } sluice_prefix;

typedef SLUICE_OR_ERROR(sluice_packet_info, value) sluice_some_packet_info;
typedef SLUICE_OR_ERROR(sluice_buffer_state, value) sluice_some_buffer_state;
typedef SLUICE_OR_ERROR(sluice_flow_endpoints, value) sluice_some_flow_endpoints;
typedef SLUICE_OR_ERROR(sluice_flow_info, value) sluice_some_flow_info;
typedef SLUICE_OR_ERROR(sluice_side_statistics, value) sluice_some_side_statistics;
typedef SLUICE_OR_ERROR(sluice_side_observables, value) sluice_some_side_observables;
typedef SLUICE_OR_ERROR(sluice_side_tcp_info, value) sluice_some_side_tcp_info;

/* An event of `burst`: twelve words. */
typedef struct {
    uint32_t id, kind, place, states;
    uint64_t flow, time, user_context, argument, offset;
    uint32_t readable, length, wire_length, ports, sequence, acknowledgment, window;
    /* Number of the monitor; where its bytes begin in the arena, and how many they are. */
    uint32_t monitor, bytes_from, bytes_count;
} sluice_event;
enum { SLUICE_EVENT_WORDS = 12 };
_Static_assert(sizeof(sluice_event) == SLUICE_EVENT_WORDS * sizeof(uint64_t), "words are packed");

/* Monitors. */
SLUICE_IMPORT("monitor", "open-stream")
void sluice_raw_open_stream(const char *filter, uint32_t length, uint32_t level, sluice_number *answer);
SLUICE_IMPORT("monitor", "open-raw")
void sluice_raw_open_raw(const char *filter, uint32_t length, sluice_number *answer);
SLUICE_IMPORT("monitor", "filter-orphans")
void sluice_raw_filter_orphans(uint32_t monitor, const char *filter, uint32_t length, sluice_done *answer);
SLUICE_IMPORT("monitor", "set-level")
void sluice_raw_monitor_set_level(uint32_t monitor, uint32_t direction, uint32_t level, sluice_done *answer);
SLUICE_IMPORT("monitor", "set-size")
void sluice_raw_monitor_set_size(uint32_t monitor, uint32_t direction, uint32_t bytes, sluice_done *answer);
SLUICE_IMPORT("monitor", "set-retain")
void sluice_raw_monitor_set_retain(uint32_t monitor, uint32_t direction, uint32_t bytes, sluice_done *answer);
SLUICE_IMPORT("monitor", "observe") void sluice_raw_observe(uint32_t monitor, sluice_done *answer);
SLUICE_IMPORT("monitor", "poll") void sluice_raw_poll(uint32_t monitor, sluice_done *answer);

/* Events. A filter is the number of its case, and up to three numbers: see `sluice_filter`. */
SLUICE_IMPORT("event", "define")
void sluice_raw_define(const char *name, uint32_t length, uint32_t parent, uint32_t kind_of_filter, uint64_t filter,
                       uint32_t filter_1, uint32_t filter_2, const void *argument, uint32_t argument_length,
                       sluice_number *answer);
SLUICE_IMPORT("event", "alloc")
void sluice_raw_alloc(const char *name, uint32_t length, uint32_t parent, sluice_number *answer);
SLUICE_IMPORT("event", "raise") void sluice_raw_raise(uint32_t event, sluice_done *answer);
SLUICE_IMPORT("event", "undefine") void sluice_raw_undefine(uint32_t event, sluice_done *answer);
SLUICE_IMPORT("event", "argument") void sluice_raw_argument(sluice_some_bytes *answer);
SLUICE_IMPORT("event", "register")
void sluice_raw_register(uint32_t monitor, uint32_t event, uint32_t hook, uint32_t handler, sluice_done *answer);
SLUICE_IMPORT("event", "unregister")
void sluice_raw_unregister(uint32_t monitor, uint32_t event, uint32_t hook, uint32_t handler, sluice_done *answer);
SLUICE_IMPORT("event", "replace")
void sluice_raw_replace(uint32_t monitor, uint32_t event, uint32_t hook, uint32_t handler, uint32_t by,
                        sluice_done *answer);
SLUICE_IMPORT("event", "register-flow")
void sluice_raw_register_flow(uint32_t event, uint32_t hook, uint32_t handler, sluice_done *answer);
SLUICE_IMPORT("event", "unregister-flow")
void sluice_raw_unregister_flow(uint32_t event, uint32_t hook, uint32_t handler, sluice_done *answer);
SLUICE_IMPORT("event", "replace-flow")
void sluice_raw_replace_flow(uint32_t event, uint32_t hook, uint32_t handler, uint32_t by, sluice_done *answer);
SLUICE_IMPORT("event", "defer") void sluice_raw_defer(uint32_t handler, sluice_done *answer);
SLUICE_IMPORT("event", "bring") void sluice_raw_bring(uint32_t handler, sluice_done *answer);
SLUICE_IMPORT("event", "select") void sluice_raw_select_event(uint32_t place, sluice_done *answer);

/* Patterns. */
SLUICE_IMPORT("matcher", "compile")
void sluice_raw_compile(const uint64_t *patterns, uint32_t count, const void *bytes, uint32_t length,
                        sluice_number *answer);
SLUICE_IMPORT("matcher", "scan") void sluice_raw_scan(uint32_t matcher, uint32_t direction, sluice_scanned *answer);
SLUICE_IMPORT("matcher", "scan-payload") void sluice_raw_scan_payload(uint32_t matcher, sluice_some_words *answer);
SLUICE_IMPORT("matcher", "scan-bytes")
void sluice_raw_scan_bytes(uint32_t matcher, const void *bytes, uint32_t length, sluice_some_words *answer);

/* Timers. */
SLUICE_IMPORT("timer", "set") void sluice_raw_set_timer(uint64_t delay, uint64_t argument, sluice_number *answer);
SLUICE_IMPORT("timer", "cancel") void sluice_raw_cancel_timer(uint32_t timer, sluice_done *answer);

/* The current flow. */
SLUICE_IMPORT("flow", "select-flow") void sluice_raw_select_flow(uint64_t flow, sluice_done *answer);
SLUICE_IMPORT("flow", "select-monitor") void sluice_raw_select_monitor(uint32_t monitor, sluice_done *answer);
SLUICE_IMPORT("flow", "endpoints") void sluice_raw_endpoints(sluice_some_flow_endpoints *answer);
SLUICE_IMPORT("flow", "info") void sluice_raw_flow_info(sluice_some_flow_info *answer);
SLUICE_IMPORT("flow", "statistics") void sluice_raw_statistics(uint32_t side, sluice_some_side_statistics *answer);
SLUICE_IMPORT("flow", "observables") void sluice_raw_observables(uint32_t side, sluice_some_side_observables *answer);
SLUICE_IMPORT("flow", "tcp-info") void sluice_raw_tcp_info(uint32_t side, sluice_some_side_tcp_info *answer);
SLUICE_IMPORT("flow", "set-user-context") void sluice_raw_set_user_context(uint64_t value, sluice_done *answer);
SLUICE_IMPORT("flow", "stop-monitoring") void sluice_raw_stop_monitoring(uint32_t sides, sluice_done *answer);
SLUICE_IMPORT("flow", "reset") void sluice_raw_reset(sluice_done *answer);

/* Streams of the current flow. */
SLUICE_IMPORT("stream", "peek") void sluice_raw_peek(uint32_t direction, uint32_t max, sluice_peeked *answer);
SLUICE_IMPORT("stream", "peek-at")
void sluice_raw_peek_at(uint32_t direction, uint64_t offset, uint32_t max, sluice_some_bytes *answer);
SLUICE_IMPORT("stream", "fraginfo") void sluice_raw_fraginfo(uint32_t direction, sluice_some_words *answer);
SLUICE_IMPORT("stream", "set-level")
void sluice_raw_stream_set_level(uint32_t direction, uint32_t level, sluice_done *answer);
SLUICE_IMPORT("stream", "set-size")
void sluice_raw_stream_set_size(uint32_t direction, uint32_t bytes, sluice_number *answer);
SLUICE_IMPORT("stream", "set-retain")
void sluice_raw_stream_set_retain(uint32_t direction, uint32_t bytes, sluice_number *answer);
SLUICE_IMPORT("stream", "overlap") void sluice_raw_overlap(uint32_t direction, sluice_number *answer);
SLUICE_IMPORT("stream", "buffer-info")
void sluice_raw_buffer_info(uint32_t direction, sluice_some_buffer_state *answer);

/* The current packet. */
SLUICE_IMPORT("packet", "getlastpkt") void sluice_raw_getlastpkt(sluice_some_packet_info *answer);
SLUICE_IMPORT("packet", "bytes")
void sluice_raw_packet_bytes(uint32_t region, uint32_t offset, uint32_t max, sluice_some_bytes *answer);
SLUICE_IMPORT("packet", "overwrite")
void sluice_raw_overwrite(uint32_t region, uint32_t offset, const void *bytes, uint32_t length, sluice_done *answer);
SLUICE_IMPORT("packet", "chomp")
void sluice_raw_chomp(uint32_t region, uint32_t offset, uint32_t length, sluice_done *answer);
SLUICE_IMPORT("packet", "insert")
void sluice_raw_insert(uint32_t region, uint32_t offset, const void *bytes, uint32_t length, sluice_done *answer);
SLUICE_IMPORT("packet", "sendpkt")
void sluice_raw_sendpkt(uint32_t side, uint32_t flags, uint32_t sequence, uint32_t acknowledgment, uint32_t window,
                        const void *options, uint32_t options_length, const void *payload, uint32_t payload_length,
                        sluice_done *answer);

/* What the operator is told. */
SLUICE_IMPORT("log", "line")
void sluice_raw_line(uint32_t severity, const char *text, uint32_t length, sluice_done *answer);
SLUICE_IMPORT("log", "event")
void sluice_raw_log_event(const char *event_type, uint32_t event_type_length, const char *body, uint32_t body_length,
                          sluice_done *answer);
SLUICE_IMPORT("log", "report")
void sluice_raw_report(const char *text, uint32_t length, sluice_done *answer);

/* What the host hands over lies in one arena, which grows with memory. What comes with `burst` and `on-ready` is there
 * until they return; what a call answers, and the settings of `start`, until the next call that gets bytes or words.
 * Before `sluice_raw_...` that gets some comes `sluice_arena_reset`. */
extern uint8_t __heap_base;
static uintptr_t sluice_arena_next, sluice_arena_kept;

static inline void sluice_arena_reset(void) {
    sluice_arena_next = sluice_arena_kept != 0 ? sluice_arena_kept : (uintptr_t)&__heap_base;
}

SLUICE_EXPORT("cabi_realloc")
void *sluice_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)old;
    (void)old_size;
    if (sluice_arena_next == 0) sluice_arena_reset();
    uintptr_t start = (sluice_arena_next + align - 1) & ~(uintptr_t)(align - 1);
    uintptr_t end = start + size, have = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
    if (end < start) __builtin_trap();
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == (size_t)-1) __builtin_trap();
    sluice_arena_next = end;
    return (void *)start;
}

/* What the export at hand was given stays where it is while it runs. */
static inline void sluice_arena_keep(void) { sluice_arena_kept = sluice_arena_next; }
static inline void sluice_arena_leave(void) {
    sluice_arena_kept = 0;
    sluice_arena_reset();
}

/* Begins the definition of the export `burst`, with names for its parameters: a `const sluice_event *` to `count` of
 * them, at most 64, and a `const uint8_t *` to their bytes. Gives the bits of the events whose packets are dropped. */
#define SLUICE_ON_BURST(events, count, arena)                                                                    \
    static uint64_t sluice_burst(const sluice_event *, uint32_t, const uint8_t *);                               \
    SLUICE_EXPORT("burst")                                                                                       \
    uint64_t sluice_on_burst(const uint64_t *words, uint32_t of_words, const uint8_t *bytes, uint32_t length) {   \
        (void)length;                                                                                            \
        sluice_arena_keep();                                                                                     \
        uint64_t dropped = sluice_burst((const sluice_event *)words, of_words / SLUICE_EVENT_WORDS, bytes);      \
        sluice_arena_leave();                                                                                    \
        return dropped;                                                                                          \
    }                                                                                                            \
    static uint64_t sluice_burst(const sluice_event *events, uint32_t count, const uint8_t *arena)

/* Begins the definition of the export `on-ready`: `count` words, two for each flow, `const uint64_t *`. */
#define SLUICE_ON_READY(flows, count)                                                                            \
    static void sluice_ready(const uint64_t *, uint32_t);                                                        \
    SLUICE_EXPORT("on-ready") void sluice_on_ready(const uint64_t *words, uint32_t of_words) {                    \
        sluice_arena_keep();                                                                                     \
        sluice_ready(words, of_words);                                                                           \
        sluice_arena_leave();                                                                                    \
    }                                                                                                            \
    static void sluice_ready(const uint64_t *flows, uint32_t count)

static inline uint32_t sluice_strlen(const char *text) {
    uint32_t length = 0;
    while (text[length]) length++;
    return length;
}

/* Calls an import and gives its answer; those that get bytes or words use the arena anew. */
#define SLUICE_ASK(type, function, ...) \
    type answer;                        \
    function(__VA_ARGS__, &answer);     \
    return answer
#define SLUICE_FETCH(type, function, ...) \
    sluice_arena_reset();                 \
    SLUICE_ASK(type, function, __VA_ARGS__)

static inline sluice_number sluice_open_stream(const char *filter, uint32_t level) {
    SLUICE_ASK(sluice_number, sluice_raw_open_stream, filter, sluice_strlen(filter), level);
}

static inline sluice_done sluice_register(uint32_t monitor, uint32_t event, uint32_t hook, uint32_t handler) {
    SLUICE_ASK(sluice_done, sluice_raw_register, monitor, event, hook, handler);
}

/* Filters of events. What they name has to stay until they are defined. */
typedef struct { uint32_t kind; uint64_t first; uint32_t second, third; } sluice_filter;
#define SLUICE_FILTER_GUEST(number) ((sluice_filter){0, (number), 0, 0})
#define SLUICE_FILTER_PCAP(text) ((sluice_filter){1, (uintptr_t)(text), sluice_strlen(text), 0})
#define SLUICE_FILTER_FLAGS(mask, value) ((sluice_filter){2, (mask), (value), 0})
/* `ranges` are `sluice_port_range`s, `prefixes` are `sluice_prefix`es, so many of them. */
#define SLUICE_FILTER_PORTS(end, ranges, count) ((sluice_filter){3, (end), (uintptr_t)(ranges), (count)})
#define SLUICE_FILTER_PREFIXES(end, prefixes, count) ((sluice_filter){4, (end), (uintptr_t)(prefixes), (count)})
#define SLUICE_FILTER_PATTERN(offset, bytes, length) ((sluice_filter){5, (offset), (uintptr_t)(bytes), (length)})
#define SLUICE_FILTER_LENGTH(least, most) ((sluice_filter){6, (least), (most), 0})
#define SLUICE_FILTER_EVERY_BYTES(bytes) ((sluice_filter){7, (bytes), 0, 0})
#define SLUICE_FILTER_EVERY_PACKETS(packets) ((sluice_filter){8, (packets), 0, 0})

static inline sluice_number sluice_define_by(const char *name, uint32_t parent, sluice_filter filter,
                                             const void *argument, uint32_t length) {
    SLUICE_ASK(sluice_number, sluice_raw_define, name, sluice_strlen(name), parent, filter.kind, filter.first,
               filter.second, filter.third, argument, length);
}

/* An event with a filter of the guest; WebAssembly stores numbers with the low byte first. */
static inline sluice_number sluice_define(const char *name, uint32_t parent, uint32_t filter, uint64_t argument) {
    return sluice_define_by(name, parent, SLUICE_FILTER_GUEST(filter), &argument, sizeof argument);
}

/* An event that happens when it is raised. */
static inline sluice_number sluice_alloc(const char *name, uint32_t parent) {
    SLUICE_ASK(sluice_number, sluice_raw_alloc, name, sluice_strlen(name), parent);
}

static inline sluice_done sluice_raise(uint32_t event) { SLUICE_ASK(sluice_done, sluice_raw_raise, event); }
static inline sluice_done sluice_undefine(uint32_t event) { SLUICE_ASK(sluice_done, sluice_raw_undefine, event); }
static inline sluice_done sluice_defer(uint32_t handler) { SLUICE_ASK(sluice_done, sluice_raw_defer, handler); }
static inline sluice_done sluice_bring(uint32_t handler) { SLUICE_ASK(sluice_done, sluice_raw_bring, handler); }
static inline sluice_done sluice_select_event(uint32_t place) {
    SLUICE_ASK(sluice_done, sluice_raw_select_event, place);
}

/* Flags of patterns, beside their lengths: ASCII letters match in both cases; a regular expression. */
#define SLUICE_IGNORE_CASE ((uint64_t)1 << 32)
#define SLUICE_EXPRESSION ((uint64_t)1 << 33)
/* What is said of a match. */
#define SLUICE_MATCH_PATTERN(match) ((uint32_t)(match))
#define SLUICE_MATCH_END(match) ((uint32_t)((match) >> 32))

static inline sluice_number sluice_compile(const uint64_t *patterns, uint32_t count, const void *bytes,
                                           uint32_t length) {
    SLUICE_ASK(sluice_number, sluice_raw_compile, patterns, count, bytes, length);
}

/* Without a match there are no words. Else they are the offset of the first byte scanned, how many matches were left
 * out, and the matches. */
static inline sluice_scanned sluice_scan(uint32_t matcher, uint32_t direction) {
    SLUICE_FETCH(sluice_scanned, sluice_raw_scan, matcher, direction);
}

static inline sluice_some_words sluice_scan_payload(uint32_t matcher) {
    SLUICE_FETCH(sluice_some_words, sluice_raw_scan_payload, matcher);
}

static inline sluice_some_words sluice_scan_bytes(uint32_t matcher, const void *bytes, uint32_t length) {
    SLUICE_FETCH(sluice_some_words, sluice_raw_scan_bytes, matcher, bytes, length);
}

static inline sluice_done sluice_line(uint32_t severity, const char *text, uint32_t length) {
    SLUICE_ASK(sluice_done, sluice_raw_line, severity, text, length);
}

static inline sluice_done sluice_report(const char *text, uint32_t length) {
    SLUICE_ASK(sluice_done, sluice_raw_report, text, length);
}

static inline sluice_done sluice_set_user_context(uint64_t value) {
    SLUICE_ASK(sluice_done, sluice_raw_set_user_context, value);
}

/* The next bytes of a stream; none on any error. They are there until the next call that gets bytes. */
static inline sluice_bytes sluice_peek(uint32_t direction, uint32_t max) {
    sluice_peeked answer;
    sluice_arena_reset();
    sluice_raw_peek(direction, max, &answer);
    return answer.is_error ? (sluice_bytes){0, 0} : answer.bytes;
}

#endif
