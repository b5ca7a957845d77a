//! The system calls that no library offers safely, behind safe functions: `sendmmsg(2)` with segmentation
//! offload and source addresses, a timer with nanoseconds, and a few socket options.
//! This is the only file of the program with `unsafe`; nothing in it keeps a pointer between calls.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// Messages in one call of [`send_messages`].
pub(super) const MAX_MESSAGES: usize = 64;
/// Pieces of memory in one call of [`send_messages`].
pub(super) const MAX_PIECES: usize = 256;

/// One run of bytes of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// It lies in the staging buffer; otherwise in the caller's arena.
    pub(super) staged: bool,
    /// Offset of its first byte.
    pub(super) start: u32,
    /// Bytes.
    pub(super) len: u32,
}

/// One datagram, or a train of datagrams of equal length to one destination.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    /// Destination.
    pub(super) to: SocketAddr,
    /// Source address, where the socket is bound to a wildcard.
    pub(super) from: Option<IpAddr>,
    /// Length of a datagram.
    pub(super) segment: u16,
    /// Length of all of them; the last one may be shorter than the others.
    pub(super) bytes: u32,
    /// First of its pieces.
    pub(super) first_piece: u16,
    /// Number of its pieces.
    pub(super) pieces: u16,
}

impl Message {
    /// Datagrams in it.
    pub(super) fn datagrams(&self) -> usize {
        self.bytes.div_ceil(u32::from(self.segment).max(1)) as usize
    }
}

#[cfg(all(test, target_os = "linux"))]
pub(super) use linux::disable_checksums;
#[cfg(target_os = "linux")]
pub(super) use linux::{
    WakeTimer, allow_fragments, be_punctual, raise_buffers, receive_plainly, send_messages, stay_on_processor,
};
#[cfg(target_os = "linux")]
pub use linux::{allow_open_files, keep_memory_together, separate_datagrams};
#[cfg(not(target_os = "linux"))]
pub(super) use portable::{
    WakeTimer, allow_fragments, be_punctual, raise_buffers, receive_plainly, send_messages, stay_on_processor,
};
#[cfg(not(target_os = "linux"))]
pub use portable::{allow_open_files, keep_memory_together, separate_datagrams};

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::{self, MaybeUninit};
    use std::net::UdpSocket;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::time::Duration;

    use super::{IpAddr, MAX_MESSAGES, MAX_PIECES, Message, Piece, SocketAddr, io};

    /// Processors that share a heap: enough heaps that threads seldom wait for each other, and few.
    #[cfg(target_env = "gnu")]
    const PROCESSORS_PER_HEAP: usize = 4;

    /// Socket address of either family, as the kernel reads it.
    #[repr(C)]
    union Name {
        v4: libc::sockaddr_in,
        v6: libc::sockaddr_in6,
    }

    impl Name {
        fn of(address: SocketAddr) -> (Self, libc::socklen_t) {
            match address {
                SocketAddr::V4(v4) => {
                    let name = libc::sockaddr_in {
                        sin_family: libc::AF_INET as libc::sa_family_t,
                        sin_port: v4.port().to_be(),
                        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                        sin_zero: [0; 8],
                    };
                    (Self { v4: name }, mem::size_of::<libc::sockaddr_in>() as libc::socklen_t)
                }
                SocketAddr::V6(v6) => {
                    let name = libc::sockaddr_in6 {
                        sin6_family: libc::AF_INET6 as libc::sa_family_t,
                        sin6_port: v6.port().to_be(),
                        sin6_flowinfo: v6.flowinfo(),
                        sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                        sin6_scope_id: v6.scope_id(),
                    };
                    (Self { v6: name }, mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t)
                }
            }
        }
    }

    /// Room for the two control messages that we send: segment size and source address.
    const CONTROL_LEN: usize = 64;

    /// Control messages of one datagram, aligned as `cmsghdr` wants it.
    #[repr(C, align(8))]
    struct Control([u8; CONTROL_LEN]);

    const _: () = assert!(mem::align_of::<libc::cmsghdr>() <= 8);

    impl Control {
        /// Appends one control message behind `at` and returns the new end.
        fn push<T: Copy>(&mut self, at: usize, level: libc::c_int, kind: libc::c_int, value: T) -> usize {
            let size = mem::size_of::<T>() as libc::c_uint;
            // SAFETY: these macros only compute sizes from their argument.
            let (space, length, offset) =
                unsafe { (libc::CMSG_SPACE(size) as usize, libc::CMSG_LEN(size), libc::CMSG_LEN(0) as usize) };
            assert!(at + space <= CONTROL_LEN, "control messages outgrew their buffer");
            // SAFETY: all-zero bytes are a valid cmsghdr (it holds integers only).
            let mut header: libc::cmsghdr = unsafe { mem::zeroed() };
            header.cmsg_len = length as _;
            header.cmsg_level = level;
            header.cmsg_type = kind;
            let base = self.0.as_mut_ptr();
            // SAFETY: header and value lie within `at..at + space`, checked above to be inside the buffer;
            // unaligned writes need no alignment.
            unsafe {
                base.add(at).cast::<libc::cmsghdr>().write_unaligned(header);
                base.add(at + offset).cast::<T>().write_unaligned(value);
            }
            at + space
        }

        /// Fills in what `message` needs and returns the length.
        fn fill(&mut self, message: &Message) -> usize {
            let mut end = 0;
            if message.bytes > u32::from(message.segment) {
                end = self.push(end, libc::SOL_UDP, libc::UDP_SEGMENT, message.segment);
            }
            match message.from {
                Some(IpAddr::V4(ip)) => {
                    let info = libc::in_pktinfo {
                        ipi_ifindex: 0,
                        ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) },
                        ipi_addr: libc::in_addr { s_addr: 0 },
                    };
                    self.push(end, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
                }
                Some(IpAddr::V6(ip)) => {
                    let info =
                        libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
                    self.push(end, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
                }
                None => end,
            }
        }
    }

    /// Hands messages to the kernel in one call, in order, and returns how many it took (at least one);
    /// the error is that of the first message. At most [`MAX_MESSAGES`] and [`MAX_PIECES`] are looked at.
    ///
    /// # Panics
    /// When a piece lies outside its buffer or a message's pieces outside `pieces`.
    pub(in crate::net) fn send_messages(
        socket: &UdpSocket,
        staged: &[u8],
        arena: &[u8],
        pieces: &[Piece],
        messages: &[Message],
    ) -> io::Result<usize> {
        let mut names = [const { MaybeUninit::<Name>::uninit() }; MAX_MESSAGES];
        let mut controls = [const { MaybeUninit::<Control>::uninit() }; MAX_MESSAGES];
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; MAX_PIECES];
        let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; MAX_MESSAGES];
        // (first vector, vectors, name length, control length) of each message: headers are built from these once
        // nothing writes to the arrays any more, so that their pointers stay good.
        let mut shapes = [(0usize, 0usize, 0 as libc::socklen_t, 0usize); MAX_MESSAGES];

        let mut count = 0;
        let mut used = 0;
        for message in messages.iter().take(MAX_MESSAGES) {
            let first = message.first_piece as usize;
            let own = &pieces[first..first + message.pieces as usize];
            if used + own.len() > MAX_PIECES {
                break;
            }
            let begin = used;
            for piece in own {
                let source = if piece.staged { staged } else { arena };
                let bytes = &source[piece.start as usize..][..piece.len as usize];
                // The kernel only reads from it; iovec has no const form.
                let base = bytes.as_ptr().cast_mut().cast::<libc::c_void>();
                vectors[used].write(libc::iovec { iov_base: base, iov_len: bytes.len() });
                used += 1;
            }
            let (name, name_len) = Name::of(message.to);
            names[count].write(name);
            let control_len = controls[count].write(Control([0; CONTROL_LEN])).fill(message);
            shapes[count] = (begin, own.len(), name_len, control_len);
            count += 1;
        }

        let names = names.as_mut_ptr();
        let controls = controls.as_mut_ptr();
        let vectors = vectors.as_mut_ptr();
        for (index, &(begin, length, name_len, control_len)) in shapes[..count].iter().enumerate() {
            // SAFETY: all-zero bytes are a valid mmsghdr: integers and null pointers.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            // SAFETY: `index` and `begin` are inside the arrays, which outlive the call below.
            unsafe {
                header.msg_hdr.msg_name = names.add(index).cast();
                header.msg_hdr.msg_iov = vectors.add(begin).cast();
                if control_len > 0 {
                    header.msg_hdr.msg_control = controls.add(index).cast();
                }
            }
            header.msg_hdr.msg_namelen = name_len;
            header.msg_hdr.msg_iovlen = length as _;
            header.msg_hdr.msg_controllen = control_len as _;
            headers[index].write(header);
        }
        // SAFETY: the first `count` headers are initialised and point to names, vectors and controls that were
        // initialised above and live on this stack frame, and to `staged` and `arena`, borrowed for this call.
        let sent = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr().cast(), count as libc::c_uint, libc::MSG_DONTWAIT)
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
    }

    /// Sets an integer socket option.
    fn set_option(fd: RawFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
        let size = mem::size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the pointer is to a c_int of the length given, alive during the call.
        let result = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), size) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Sets both kernel buffers of a socket beyond `net.core.rmem_max` and `wmem_max` where the process may
    /// (CAP_NET_ADMIN); where it may not, the caller's ordinary request stands.
    pub(in crate::net) fn raise_buffers(socket: &UdpSocket, bytes: usize) {
        let bytes = bytes.min(libc::c_int::MAX as usize) as libc::c_int;
        // Failing is the usual case of an unprivileged process.
        let _ = set_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes);
        let _ = set_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, bytes);
    }

    /// Lets the kernel fragment a datagram that is larger than the interface's MTU, and ignore forged
    /// "too big" messages: a publisher with unusually large packets is heard, as everywhere else.
    pub(in crate::net) fn allow_fragments(socket: &UdpSocket, v6: bool) {
        let fd = socket.as_raw_fd();
        // Best effort: without these options oversize datagrams are dropped and counted.
        if v6 {
            let _ = set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 0);
            let _ = set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT);
        } else {
            let _ = set_option(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT);
        }
    }

    /// Has the kernel say less about each datagram than the library asks it to: neither when it came nor how its way
    /// marked it, and to which address of ours only where there are several (`several`). Each is a message to write
    /// and to read.
    pub(in crate::net) fn receive_plainly(socket: &UdpSocket, v6: bool, several: bool) {
        let fd = socket.as_raw_fd();
        // Best effort: what is said all the same is passed over.
        let _ = set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 0);
        let _ = set_option(fd, libc::IPPROTO_IP, libc::IP_RECVTOS, 0);
        if v6 {
            let _ = set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 0);
        }
        match (several, v6) {
            (true, _) => {}
            (false, true) => drop(set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 0)),
            (false, false) => drop(set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 0)),
        }
    }

    /// Has each datagram delivered by itself again, where GRO was switched on for this socket: so the kernel works for
    /// a receiver on the other side of a network.
    pub fn separate_datagrams(socket: &UdpSocket) -> io::Result<()> {
        set_option(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, 0)
    }

    /// Raises the number of files that this process may have open to `wanted`, as far as the system lets it, and
    /// returns what it is then.
    pub fn allow_open_files(wanted: u64) -> io::Result<u64> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the pointer is to a live rlimit, which the call fills.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
        if limit.rlim_cur >= wanted {
            return Ok(limit.rlim_cur);
        }
        // Beyond the hard limit first, which only a privileged process may.
        for hard in [limit.rlim_max.max(wanted), limit.rlim_max] {
            let raised = libc::rlimit { rlim_cur: wanted.min(hard), rlim_max: hard };
            // SAFETY: the pointer is to a live rlimit, which the call reads.
            if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) } == 0 {
                return Ok(raised.rlim_cur);
            }
        }
        Ok(limit.rlim_cur)
    }

    /// Has all threads allocate from a few heaps instead of one each, as far as the C library is one that can: what one
    /// thread allocates and another frees leaves holes in each of them. To be called before there are threads.
    pub fn keep_memory_together() {
        #[cfg(target_env = "gnu")]
        {
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
            let heaps = (processors / PROCESSORS_PER_HEAP).max(1) as libc::c_int;
            // SAFETY: no pointers are passed. Where it is refused everything works as well, in more memory.
            let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, heaps) };
        }
    }

    /// Lets this thread's sleeps end on time instead of up to 50 µs late.
    pub(in crate::net) fn be_punctual() {
        // SAFETY: no pointers are passed. It cannot fail with these arguments, and without it sleeps are a bit longer.
        let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
    }

    /// Keeps this thread on one of the processors that the process may use, counted from `index` on.
    pub(in crate::net) fn stay_on_processor(index: usize) -> io::Result<()> {
        let size = mem::size_of::<libc::cpu_set_t>();
        // SAFETY: all-zero bytes are a valid, empty cpu_set_t.
        let mut allowed: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: the pointer is to a live cpu_set_t of the size given, which the call fills.
        if unsafe { libc::sched_getaffinity(0, size, &raw mut allowed) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: numbers below the set's size are looked at only.
        let usable = (0..size * 8).filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &allowed) });
        let usable: Vec<usize> = usable.collect();
        let Some(cpu) = usable.get(index % usable.len().max(1)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        // SAFETY: as above.
        let mut chosen: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: the number is one of the set's.
        unsafe { libc::CPU_SET(*cpu, &mut chosen) };
        // SAFETY: the pointer is to a live cpu_set_t of the size given, which the call reads.
        let result = unsafe { libc::sched_setaffinity(0, size, &raw const chosen) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// A timer whose expiry wakes a poll, because `epoll_wait` counts in milliseconds only.
    pub(in crate::net) struct WakeTimer(OwnedFd);

    impl WakeTimer {
        /// A timer that is not running.
        pub(in crate::net) fn new() -> io::Result<Self> {
            // SAFETY: no pointers are passed.
            let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: the descriptor is new and nobody else owns it.
            Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
        }

        /// Makes it expire once after `wait` (at least one nanosecond), instead of whatever it was set to.
        pub(in crate::net) fn arm(&self, wait: Duration) -> io::Result<()> {
            let wait = wait.max(Duration::from_nanos(1));
            let value = libc::timespec { tv_sec: wait.as_secs() as _, tv_nsec: wait.subsec_nanos() as _ };
            let spec = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
            // SAFETY: `spec` lives during the call; the old value is not asked for.
            let result = unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &spec, std::ptr::null_mut()) };
            if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
        }

        /// For registering it with a poll.
        pub(in crate::net) fn descriptor(&self) -> RawFd {
            self.0.as_raw_fd()
        }
    }

    /// Switches UDP checksums off: the kernel then refuses segmentation offload on this socket with EINVAL.
    #[cfg(test)]
    pub(in crate::net) fn disable_checksums(socket: &UdpSocket) -> io::Result<()> {
        set_option(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1)
    }
}

/// Systems without `sendmmsg` and segmentation offload: development machines.
#[cfg(not(target_os = "linux"))]
mod portable {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::{Message, Piece, io};

    /// Sends the first message: a single datagram, since segmentation offload is never on here.
    pub(in crate::net) fn send_messages(
        socket: &UdpSocket,
        staged: &[u8],
        arena: &[u8],
        pieces: &[Piece],
        messages: &[Message],
    ) -> io::Result<usize> {
        let Some(message) = messages.first() else { return Ok(0) };
        let piece = pieces[message.first_piece as usize];
        let source = if piece.staged { staged } else { arena };
        let contents = &source[piece.start as usize..][..piece.len as usize];
        let transmit = quinn_udp::Transmit {
            destination: message.to,
            ecn: None,
            contents,
            segment_size: None,
            src_ip: message.from,
        };
        quinn_udp::UdpSocketState::new(socket.into())?.try_send(socket.into(), &transmit)?;
        Ok(1)
    }

    /// Nothing to raise beyond the ordinary request.
    pub(in crate::net) fn raise_buffers(_socket: &UdpSocket, _bytes: usize) {}

    /// Left as the system has it.
    pub(in crate::net) fn allow_fragments(_socket: &UdpSocket, _v6: bool) {}

    /// Left as the system has it.
    pub(in crate::net) fn receive_plainly(_socket: &UdpSocket, _v6: bool, _several: bool) {}

    /// Left as the system has it.
    pub(in crate::net) fn be_punctual() {}

    /// There is no way to.
    pub(in crate::net) fn stay_on_processor(_index: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// They never come joined.
    pub fn separate_datagrams(_socket: &UdpSocket) -> io::Result<()> {
        Ok(())
    }

    /// The system's own way is kept.
    pub fn keep_memory_together() {}

    /// Left as the system has it.
    pub fn allow_open_files(wanted: u64) -> io::Result<u64> {
        Ok(wanted)
    }

    /// There is none: waiting is rounded up to a millisecond.
    pub(in crate::net) struct WakeTimer;

    impl WakeTimer {
        /// Always fails.
        pub(in crate::net) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        /// Never called.
        pub(in crate::net) fn arm(&self, _wait: Duration) -> io::Result<()> {
            Ok(())
        }

        /// Never called.
        pub(in crate::net) fn descriptor(&self) -> std::os::fd::RawFd {
            -1
        }
    }
}
