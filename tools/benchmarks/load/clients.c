/* Clients with a memory: each sends a POST, waits for the answer, and uses the new cookie next time.
 *
 * usage: clients refresh PORT PATH CLIENTS SECONDS RATE COOKIES
 *        clients login   PORT PATH CLIENTS SECONDS RATE USERNAMES PASSWORD
 *
 * `refresh`: every line of COOKIES is the refresh token of one session. A client owns every
 * CLIENTS-th of them and takes them in turn; a new cookie replaces the one that was sent, and the
 * file is written again at the end. `login`: every line is a username.
 *
 * RATE is requests a second of all clients together, 0 for as fast as answers come. A refused
 * request (503, say) is counted, and its client waits 20 ms. One thread, one epoll loop, HTTP/1.1
 * on 127.0.0.1. Prints one JSON object; times in microseconds. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "latency.h"

enum { LINE = 1024, ROOM = 16384, CLIENTS = 1024 };
static const char cookie_name[] = "__Secure-refresh=";

struct client {
  int fd, is_waiting;
  size_t line;
  double sent_at, resting_until;
  size_t filled;
  char bytes[ROOM];
};

static struct client clients[CLIENTS];
static char (*lines)[LINE];
static size_t line_count, client_count;
static int loop, is_login;
static uint16_t port;
static const char *path, *password;
static long done, refused, rotated;
static struct latency latency;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void fail(const char *what) {
  fprintf(stderr, "clients: %s: %s\n", what, strerror(errno));
  exit(111);
}

static void read_lines(const char *name) {
  FILE *file = fopen(name, "r");
  char line[LINE];
  if (!file) fail(name);
  while (fgets(line, LINE, file)) {
    line[strcspn(line, "\n")] = 0;
    if (line_count % 1024 == 0) lines = realloc(lines, (line_count + 1024) * LINE);
    if (!lines) fail("memory");
    strcpy(lines[line_count++], line);
  }
  fclose(file);
}

static void write_lines(const char *name) {
  FILE *file = fopen(name, "w");
  if (!file) fail(name);
  for (size_t i = 0; i < line_count; i++) fprintf(file, "%s\n", lines[i]);
  if (fclose(file) != 0) fail(name);
}

static void open_connection(struct client *client) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client->fd < 0) fail("socket");
  if (connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, client->fd, &event) != 0) fail("epoll_ctl");
  client->filled = 0;
}

static void ask(struct client *client, double time) {
  char text[LINE * 2 + 512], body[LINE + 256] = "";
  const char *line = lines[client->line];
  if (is_login) snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", line, password);
  int length = snprintf(text, sizeof text,
                        "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sContent-Length: %zu\r\n\r\n%s", path,
                        is_login ? "Content-Type: application/json" : "Cookie: __Secure-refresh=",
                        is_login ? "" : line, "\r\n", strlen(body), body);
  if (write(client->fd, text, (size_t)length) != length) fail("write");
  client->sent_at = time;
  client->is_waiting = 1;
}

/* The length of the whole answer in the buffer; 0 while it is incomplete. */
static size_t answer_length(const struct client *client) {
  const char *end = strstr(client->bytes, "\r\n\r\n"), *field;
  if (!end) return 0;
  size_t head = (size_t)(end - client->bytes) + 4, whole;
  if ((field = strcasestr(client->bytes, "\r\nContent-Length:")) && field < end)
    whole = head + strtoul(field + 17, NULL, 10);
  else if ((field = strcasestr(client->bytes, "\r\nTransfer-Encoding: chunked")) && field < end)
    return (end = strstr(end + 2, "\r\n0\r\n\r\n")) ? (size_t)(end - client->bytes) + 7 : 0;
  else
    whole = head;
  return client->filled >= whole ? whole : 0;
}

static void take_cookie(struct client *client) {
  const char *value = strstr(client->bytes, cookie_name);
  if (!value) return;
  value += sizeof cookie_name - 1;
  size_t length = strcspn(value, ";\r\n");
  if (length == 0 || length >= LINE) return;
  // What stands behind the token, the companion of its session, stays as it is.
  const char *rest = strchr(lines[client->line], ';');
  char companion[LINE] = "";
  if (rest) snprintf(companion, sizeof companion, "%s", rest);
  if (length + strlen(companion) >= LINE) return;
  memcpy(lines[client->line], value, length);
  strcpy(lines[client->line] + length, companion);
  rotated++;
}

static void receive(struct client *client, int is_counted) {
  ssize_t count = read(client->fd, client->bytes + client->filled, ROOM - 1 - client->filled);
  if (count < 0) fail("read");
  if (count == 0) {
    // Closed between two requests is the server's right; within one it is a failure.
    if (client->is_waiting) refused++;
    close(client->fd);
    client->is_waiting = 0;
    open_connection(client);
    return;
  }
  client->filled += (size_t)count;
  client->bytes[client->filled] = 0;
  if (answer_length(client) == 0) return;
  double time = now();
  if (strncmp(client->bytes, "HTTP/1.1 200", 12) == 0) {
    if (is_counted) {
      done++;
      latency_add(&latency, time - client->sent_at);
    }
    if (!is_login) take_cookie(client);
  } else {
    if (refused++ == 0) fprintf(stderr, "clients: refused: %.60s\n", client->bytes);
    client->resting_until = time + 20e3;
  }
  client->line += client_count;
  if (client->line >= line_count) client->line %= client_count;
  client->is_waiting = 0;
  client->filled = 0;
}

int main(int count, char **words) {
  is_login = count == 9 && strcmp(words[1], "login") == 0;
  if (!is_login && (count != 8 || strcmp(words[1], "refresh") != 0)) {
    fputs("usage: clients refresh|login PORT PATH CLIENTS SECONDS RATE FILE [PASSWORD]\n", stderr);
    return 100;
  }
  port = (uint16_t)atoi(words[2]);
  path = words[3];
  client_count = strtoul(words[4], NULL, 10);
  double seconds = atof(words[5]), rate = atof(words[6]);
  password = is_login ? words[8] : NULL;
  read_lines(words[7]);
  if (client_count < 1 || client_count > CLIENTS || client_count > line_count) {
    fprintf(stderr, "clients: 1 to %d clients, and a line of %s for each\n", CLIENTS, words[7]);
    return 100;
  }
  loop = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < client_count; i++) {
    clients[i].line = i;
    open_connection(&clients[i]);
  }
  double start = now(), end = start + seconds * 1e6, time;
  long sent = 0;
  size_t next = 0, waiting;
  // Answers that are under way at the end are still taken: a cookie must not be lost.
  do {
    time = now();
    waiting = 0;
    // Only what is due at a time of its own needs a look at the clock: waking up a thousand times a
    // second costs as much as the server spends on a login besides its hash.
    int pause = 1 + (int)(((time < end ? end : end + 5e6) - time) / 1e3);
    for (size_t i = 0; i < client_count; i++) {
      struct client *client = &clients[(next + i) % client_count];
      int is_due = rate <= 0 || (double)sent < (time - start) / 1e6 * rate;
      if (!client->is_waiting && time < end && is_due && client->resting_until <= time) {
        ask(client, time);
        sent++;
      }
      if (!client->is_waiting) pause = 1;
      waiting += (size_t)client->is_waiting;
    }
    next++;
    struct epoll_event ready[CLIENTS];
    int number = epoll_wait(loop, ready, CLIENTS, pause);
    time = now();
    for (int i = 0; i < number; i++) receive(ready[i].data.ptr, time < end);
  } while (time < end || (waiting > 0 && time < end + 5e6));
  if (!is_login) write_lines(words[7]);
  printf("{\"requests\":%ld,\"refused\":%ld,\"cookies\":%ld,\"seconds\":%.4f,", done, refused, rotated,
         seconds);
  latency_print(&latency);
  puts("}");
  return done > 0 ? 0 : 1;
}
