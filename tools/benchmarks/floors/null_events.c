/* The floor of an event-driven FastCGI program: one epoll loop that answers 204 to everything.
 *
 * usage: null_events SOCKET
 *
 * It follows the records as far as it must to know where a request ends, and looks at nothing
 * else. One write for the headers, the end of the output and the end of the request. */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };
enum { HEADER = 8, ROOM = 65536 + 256 + HEADER, CONNECTIONS = 4096 };

struct connection {
  size_t filled;
  int keep;
  uint8_t bytes[ROOM];
};

static struct connection *connections[CONNECTIONS];
static int loop;

/* A floor that does more replaces these: see verify_events.c. */
#ifndef WORK
static int start_work(void) { return 1; }
static int work(void) { return 1; }
#endif

static void finish(int fd) {
  close(fd);
}

static int answer(int fd, const uint8_t *header) {
  static const char text[] = "Status: 204 No Content\r\n\r\n";
  enum { LENGTH = sizeof text - 1, PADDING = -LENGTH & 7, CONTENT = LENGTH + PADDING };
  uint8_t out[HEADER + CONTENT + HEADER + HEADER + 8] = {0};
  uint8_t *end_of_output = out + HEADER + CONTENT, *end_of_request = end_of_output + HEADER;
  uint8_t begin[HEADER] = {1, STDOUT, header[2], header[3], 0, LENGTH, PADDING, 0};
  uint8_t empty[HEADER] = {1, STDOUT, header[2], header[3]};
  uint8_t end[HEADER] = {1, END_REQUEST, header[2], header[3], 0, 8};
  memcpy(out, begin, HEADER);
  memcpy(out + HEADER, text, LENGTH);
  memcpy(end_of_output, empty, HEADER);
  memcpy(end_of_request, end, HEADER);
  return write(fd, out, sizeof out) == (ssize_t)sizeof out;
}

/* Takes the whole records from the buffer; 0 when the connection is to be closed. */
static int take(int fd, struct connection *connection) {
  size_t at = 0;
  while (connection->filled - at >= HEADER) {
    const uint8_t *header = connection->bytes + at;
    size_t content = (size_t)header[4] << 8 | header[5], whole = HEADER + content + header[6];
    if (connection->filled - at < whole) break;
    if (header[1] == BEGIN_REQUEST) connection->keep = header[HEADER + 2] & 1;
    if (header[1] == STDIN && content == 0) {
      if (!work() || !answer(fd, header) || !connection->keep) return 0;
    }
    at += whole;
  }
  connection->filled -= at;
  memmove(connection->bytes, connection->bytes + at, connection->filled);
  return 1;
}

static void receive(int fd) {
  struct connection *connection = connections[fd];
  ssize_t count = read(fd, connection->bytes + connection->filled, ROOM - connection->filled);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    finish(fd);
    return;
  }
  connection->filled += (size_t)count;
  if (!take(fd, connection)) finish(fd);
}

static void welcome(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= CONNECTIONS || (!connections[fd] && !(connections[fd] = malloc(sizeof(struct connection))))) {
      close(fd);
      continue;
    }
    connections[fd]->filled = 0;
    connections[fd]->keep = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
  }
}

int main(int count, char **words) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (count != 2 || strlen(words[1]) >= sizeof address.sun_path) {
    fputs("usage: null_events SOCKET\n", stderr);
    return 100;
  }
  signal(SIGPIPE, SIG_IGN);
  strcpy(address.sun_path, words[1]);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, 1024) != 0 || !start_work()) {
    perror(words[0]);
    return 111;
  }
  loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  if (loop < 0 || epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event) != 0) {
    perror(words[0]);
    return 111;
  }
  for (;;) {
    struct epoll_event ready[64];
    int number = epoll_wait(loop, ready, 64, -1);
    for (int i = 0; i < number; i++) {
      if (ready[i].data.fd == listener)
        welcome(listener);
      else
        receive(ready[i].data.fd);
    }
  }
}
