#pragma once
/* epoll, eventfd, signalfd, accept4 and thread names: missing from Swift's Glibc module or variadic.
   Every function returns what the system call returns and leaves errno as it set it. */
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int accept4(int, struct sockaddr *, socklen_t *, int);
enum { SH_EPOLL_ADD = EPOLL_CTL_ADD, SH_EPOLL_MOD = EPOLL_CTL_MOD, SH_EPOLL_DEL = EPOLL_CTL_DEL };
static inline int sh_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
/* epoll_event is packed and holds a union: filled and read here. */
static inline int sh_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event e;
  e.events = events;
  e.data.u64 = data;
  return epoll_ctl(epoll, operation, fd, &e);
}
static inline uint32_t sh_epoll_events(const struct epoll_event *list, int i) { return list[i].events; }
static inline uint64_t sh_epoll_data(const struct epoll_event *list, int i) { return list[i].data.u64; }
static inline int sh_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline void sh_eventfd_ring(int fd) { uint64_t one = 1; (void)!write(fd, &one, 8); }
static inline void sh_eventfd_clear(int fd) { uint64_t n; (void)!read(fd, &n, 8); }
static inline int sh_signalfd(const sigset_t *set) { return signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC); }
/* The next signal's number, 0 when there is none. */
static inline int sh_signalfd_read(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
/* The calling thread's name, at most 15 bytes. */
static inline void sh_thread_name(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
