/* A guest in C: `sluice build example.c`, then `sluice run -r FILE example.wasm`.
 *
 * It shows the two ways to bytes, each by a monitor of its own: those that come with the events of a burst are counted,
 * and those that stay with the host are scanned there for patterns, across packets. Connections to port 80 raise an
 * event of the guest's own. */
#include "sluice.h"

/* Numbers of handlers. */
enum { ON_START, ON_WEB, COUNT, SCAN };

/* The first byte of a stream of TLS (RFC 8446 section 5.1). */
enum { TLS_HANDSHAKE = 22 };

/* Patterns, one behind the other: `get `, whatever its case, and `HTTP/1.1 `. */
static const char PATTERNS[] = "get HTTP/1.1 ";
static const uint64_t LENGTHS[] = {4 | SLUICE_IGNORE_CASE, 9};

static uint32_t counting, web, matcher;
static uint32_t connections, web_connections, tls_streams;
static uint64_t bytes_read;
static uint32_t found[2];

static sluice_answer failed(const char *what) {
    return (sluice_answer){1, {what, sluice_strlen(what)}};
}

static sluice_answer prepare(void) {
    sluice_number answer = sluice_open_stream("", SLUICE_LEVEL_FULL);
    if (answer.is_error) return failed("no monitor that counts");
    counting = answer.number;
    answer = sluice_open_stream("tcp port 80", SLUICE_LEVEL_FULL);
    if (answer.is_error) return failed("no monitor that scans");
    uint32_t scanning = answer.number;
    answer = sluice_alloc("web", SLUICE_CONN_START);
    if (answer.is_error) return failed("no event");
    web = answer.number;
    answer = sluice_compile(LENGTHS, 2, PATTERNS, sizeof PATTERNS - 1);
    if (answer.is_error) return failed("no matcher");
    matcher = answer.number;
    /* The bytes of `COUNT` come with its events; `SCAN` has the host read them. */
    if (sluice_defer(COUNT).is_error || sluice_bring(COUNT).is_error || sluice_defer(SCAN).is_error ||
        sluice_register(counting, SLUICE_CONN_START, SLUICE_HOOK_SENDER, ON_START).is_error ||
        sluice_register(counting, web, SLUICE_HOOK_SENDER, ON_WEB).is_error ||
        sluice_register(counting, SLUICE_NEW_DATA, SLUICE_HOOK_RECEIVER, COUNT).is_error ||
        sluice_register(scanning, SLUICE_NEW_DATA, SLUICE_HOOK_RECEIVER, SCAN).is_error)
        return failed("no handlers");
    return (sluice_answer){0, {0, 0}};
}

SLUICE_EXPORT("start") sluice_answer *start(const sluice_setting *settings, uint32_t count) {
    static sluice_answer answer;
    (void)settings;
    answer = count > 0 ? failed("takes no settings") : prepare();
    return &answer;
}

SLUICE_EXPORT("callback") uint32_t callback(SLUICE_EVENT) {
    if (id == ON_WEB) {
        web_connections++;
    } else {
        connections++;
        if ((ports & 0xffff) == 80) sluice_raise(web);
    }
    return 0;
}

/* All that the event at hand lets the host read. */
static void scan(uint32_t direction) {
    sluice_scanned scanned = sluice_scan(matcher, direction);
    if (scanned.is_error) return;
    for (uint32_t word = 2; word < scanned.words.count; word++)
        found[SLUICE_MATCH_PATTERN(scanned.words.words[word])]++;
}

SLUICE_ON_BURST(events, count, arena) {
    for (uint32_t place = 0; place < count; place++) {
        const sluice_event *event = &events[place];
        uint32_t direction = event->place >> 12 & 1;
        if (event->id == SCAN) {
            if (!sluice_select_event(place).is_error) scan(direction);
            continue;
        }
        bytes_read += event->bytes_count;
        /* The arena was full: the rest has to be asked for, and begins where what came has ended. */
        if (event->readable > event->bytes_count && !sluice_select_event(place).is_error)
            bytes_read += sluice_peek(direction, UINT32_MAX).length;
        if (event->offset == 0 && event->bytes_count > 0 && arena[event->bytes_from] == TLS_HANDSHAKE) tls_streams++;
    }
    return 0;
}

static uint32_t written;
static char text[160];

static void say(const char *words, uint64_t number) {
    for (; *words; words++) text[written++] = *words;
    uint64_t scale = 1;
    while (number / scale > 9) scale *= 10;
    for (; scale > 0; scale /= 10) text[written++] = (char)('0' + number / scale % 10);
}

SLUICE_EXPORT("stop") void stop(void) {
    say("connections: ", connections);
    say(", of them to port 80: ", web_connections);
    say("; bytes: ", bytes_read);
    say(", streams of TLS: ", tls_streams);
    say("; get: ", found[0]);
    say(", HTTP/1.1: ", found[1]);
    text[written++] = '\n';
    sluice_report(text, written);
}
