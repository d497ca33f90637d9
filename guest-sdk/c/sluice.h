/* The world of sluice for guests in C, without a C library: the imports with their canonical ABI, and an allocator
 * for what the host hands over. `sluice build guest.c` finds this file by itself.
 *
 * A guest defines `start` and what else it needs:
 *
 *     SLUICE_EXPORT("start") sluice_answer *start(const sluice_setting *settings, uint32_t count) { ... }
 *     SLUICE_EXPORT("callback") uint32_t callback(SLUICE_EVENT) { ... }
 *
 * Numbers, events and errors are described in the WIT files.
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
enum { SLUICE_HOOK_NONE, SLUICE_HOOK_SENDER, SLUICE_HOOK_RECEIVER };
enum { SLUICE_LEVEL_STATE, SLUICE_LEVEL_COUNT, SLUICE_LEVEL_FULL };
enum { SLUICE_LOG_ERROR, SLUICE_LOG_WARN, SLUICE_LOG_INFO, SLUICE_LOG_DEBUG };

typedef struct { const char *text; uint32_t length; } sluice_string;
typedef struct { sluice_string key, value; } sluice_setting;
typedef struct { const uint8_t *bytes; uint32_t length; } sluice_bytes;

/* What `start` answers: `is_error` 0, or 1 with a message for the operator. */
typedef struct { uint32_t is_error; sluice_string message; } sluice_answer;

/* A number or an error. */
typedef struct { uint32_t is_error, number; } sluice_number;
/* Nothing or an error. */
typedef sluice_number sluice_done;

SLUICE_IMPORT("monitor", "open-stream")
void sluice_raw_open_stream(const char *filter, uint32_t length, uint32_t level, sluice_number *answer);
SLUICE_IMPORT("event", "define")
void sluice_raw_define(const char *name, uint32_t length, uint32_t parent, uint32_t kind_of_filter, uint64_t filter,
                       uint32_t filter_1, uint32_t filter_2, const void *argument, uint32_t argument_length,
                       sluice_number *answer);
SLUICE_IMPORT("event", "register")
void sluice_raw_register(uint32_t monitor, uint32_t event, uint32_t hook, uint32_t handler, sluice_done *answer);
SLUICE_IMPORT("timer", "set")
void sluice_raw_set_timer(uint64_t delay, uint64_t argument, sluice_number *answer);
SLUICE_IMPORT("flow", "set-user-context")
void sluice_raw_set_user_context(uint64_t value, sluice_done *answer);
/* Sides: 0 client, 1 server, 2 both. */
SLUICE_IMPORT("flow", "stop-monitoring")
void sluice_raw_stop_monitoring(uint32_t sides, sluice_done *answer);
SLUICE_IMPORT("stream", "peek")
void sluice_raw_peek(uint32_t direction, uint32_t max, void *answer);
SLUICE_IMPORT("packet", "bytes")
void sluice_raw_packet_bytes(uint32_t region, uint32_t offset, uint32_t max, void *answer);
SLUICE_IMPORT("log", "line")
void sluice_raw_line(uint32_t severity, const char *text, uint32_t length, sluice_done *answer);
SLUICE_IMPORT("log", "report")
void sluice_raw_report(const char *text, uint32_t length, sluice_done *answer);

/* What the host hands over lies in one arena, which the next call that gets bytes uses again. It grows with memory. */
extern uint8_t __heap_base;
static uintptr_t sluice_arena_next;

static inline void sluice_arena_reset(void) { sluice_arena_next = (uintptr_t)&__heap_base; }

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

static inline uint32_t sluice_strlen(const char *text) {
    uint32_t length = 0;
    while (text[length]) length++;
    return length;
}

static inline sluice_number sluice_open_stream(const char *filter, uint32_t level) {
    sluice_number answer;
    sluice_raw_open_stream(filter, sluice_strlen(filter), level, &answer);
    return answer;
}

static inline sluice_number sluice_define(const char *name, uint32_t parent, uint32_t filter, uint64_t argument) {
    sluice_number answer;
    /* A filter of the guest is case 0 of the variant; WebAssembly stores numbers with the low byte first. */
    sluice_raw_define(name, sluice_strlen(name), parent, 0, filter, 0, 0, &argument, sizeof argument, &answer);
    return answer;
}

static inline sluice_done sluice_register(uint32_t monitor, uint32_t event, uint32_t hook, uint32_t handler) {
    sluice_done answer;
    sluice_raw_register(monitor, event, hook, handler, &answer);
    return answer;
}

static inline sluice_done sluice_line(uint32_t severity, const char *text, uint32_t length) {
    sluice_done answer;
    sluice_raw_line(severity, text, length, &answer);
    return answer;
}

static inline sluice_done sluice_report(const char *text, uint32_t length) {
    sluice_done answer;
    sluice_raw_report(text, length, &answer);
    return answer;
}

static inline sluice_done sluice_set_user_context(uint64_t value) {
    sluice_done answer;
    sluice_raw_set_user_context(value, &answer);
    return answer;
}

/* The next bytes of a stream; none on any error. They are there until the next call that gets bytes. */
static inline sluice_bytes sluice_peek(uint32_t direction, uint32_t max) {
    struct {
        uint8_t is_error;
        _Alignas(8) sluice_bytes bytes;
        uint64_t rest;
    } answer;
    sluice_arena_reset();
    sluice_raw_peek(direction, max, &answer);
    return answer.is_error ? (sluice_bytes){0, 0} : answer.bytes;
}

#endif
