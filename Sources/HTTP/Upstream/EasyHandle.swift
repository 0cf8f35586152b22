// One libcurl easy handle, pooled: its options, its callbacks, what can be asked of it. It is reset
// between two requests, so that nothing of one account reaches the next; its connections belong to
// the multi handle and stay.
//
// The callbacks run inside calls to libcurl on the reactor's thread and only hand bytes to the
// transfer; they never call back into libcurl.

import CCurl
import CLinux
import Glibc

@safe final class EasyHandle {
  let handle: UnsafeMutableRawPointer
  private let errorText: UnsafeMutablePointer<CChar>
  /// Whose request it is at; nil in the pool.
  var transfer: TransferState?
  private var headers: UpstreamHeaders?
  private var upload: [UInt8] = []
  private var uploaded = 0

  /// Bodies up to this size are copied by libcurl, which sends them with the head in one piece;
  /// larger ones are read from our array.
  private static let copyLimit = 64 * 1024

  /// Nil when libcurl has no memory.
  init?() {
    guard let handle = unsafe curl_easy_init() else { return nil }
    unsafe self.handle = handle
    unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
  }
  deinit {
    unsafe curl_easy_cleanup(handle)
    unsafe errorText.deallocate()
  }

  /// Sets the options for `request`. False when libcurl does not take one of them (a URL or a proxy
  /// it cannot read).
  func prepare(_ request: UpstreamRequest, _ transfer: TransferState, _ multi: CurlMulti) -> Bool {
    self.transfer = transfer
    headers = request.headers
    unsafe curl_easy_reset(handle)
    unsafe errorText.pointee = 0
    setCallbacks(multi)
    setPolicy(request)
    unsafe sh_set_list(handle, CURLOPT_HTTPHEADER, request.headers.list)
    setMethod(request)
    let proxy = unsafe sh_set_text(handle, CURLOPT_PROXY, request.proxy ?? "")
    let url = unsafe sh_set_text(handle, CURLOPT_URL, request.url)
    return proxy == CURLE_OK && url == CURLE_OK
  }
  /// Back to the pool.
  func clear() {
    transfer = nil
    headers = nil
    upload = []
  }

  private func setCallbacks(_ multi: CurlMulti) {
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe sh_set_pointer(handle, CURLOPT_PRIVATE, me)
    unsafe sh_set_pointer(handle, CURLOPT_WRITEDATA, me)
    unsafe sh_set_pointer(handle, CURLOPT_HEADERDATA, me)
    unsafe sh_set_pointer(handle, CURLOPT_ERRORBUFFER, errorText)
    unsafe sh_set_data(handle, CURLOPT_WRITEFUNCTION, { unsafe receiveBody($0, $1, $2, $3) })
    unsafe sh_set_data(handle, CURLOPT_HEADERFUNCTION, { unsafe receiveHead($0, $1, $2, $3) })
    // The connection outlives this handle: its socket's start and end are the multi's owner's.
    let owner = unsafe Unmanaged.passUnretained(multi).toOpaque()
    unsafe sh_set_pointer(handle, CURLOPT_CLOSESOCKETDATA, owner)
    unsafe sh_set_pointer(handle, CURLOPT_OPENSOCKETDATA, owner)
    unsafe sh_set_open(handle, { unsafe openSocket($0, $1, $2) })
    unsafe sh_set_close(handle, { unsafe closeSocket($0, $1) })
  }
  private func setPolicy(_ request: UpstreamRequest) {
    unsafe sh_set_long(handle, CURLOPT_NOSIGNAL, 1)
    unsafe sh_set_long(handle, CURLOPT_TCP_NODELAY, 1)
    unsafe sh_set_long(handle, CURLOPT_TCP_KEEPALIVE, 1)
    unsafe sh_set_long(handle, CURLOPT_BUFFERSIZE, 64 * 1024)
    unsafe sh_set_text(handle, CURLOPT_PROTOCOLS_STR, "http,https")
    unsafe sh_set_long(handle, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    unsafe sh_set_long(handle, CURLOPT_FOLLOWLOCATION, 0)
    unsafe sh_set_long(handle, CURLOPT_PATH_AS_IS, 1)
    unsafe sh_set_long(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    unsafe sh_set_text(handle, CURLOPT_NOPROXY, "")
    unsafe sh_set_long(handle, CURLOPT_CONNECTTIMEOUT_MS, request.connectMilliseconds)
    if !request.verifiesTLS {
      unsafe sh_set_long(handle, CURLOPT_SSL_VERIFYPEER, 0)
      unsafe sh_set_long(handle, CURLOPT_SSL_VERIFYHOST, 0)
    }
  }
  private func setMethod(_ request: UpstreamRequest) {
    if request.method == .head {
      unsafe sh_set_long(handle, CURLOPT_NOBODY, 1)
      return
    }
    if request.method == .get && request.body.isEmpty {
      unsafe sh_set_long(handle, CURLOPT_HTTPGET, 1)
      return
    }
    unsafe sh_set_long(handle, CURLOPT_POST, 1)
    unsafe sh_set_offset(handle, CURLOPT_POSTFIELDSIZE_LARGE, request.body.count)
    if request.method != .post {
      unsafe sh_set_text(handle, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    }
    if request.body.count <= Self.copyLimit {
      unsafe request.body.withUnsafeBytes {
        // An empty array has no address; libcurl wants one to know that there is a body.
        _ = unsafe sh_set_pointer(
          handle, CURLOPT_COPYPOSTFIELDS, $0.baseAddress ?? UnsafeRawPointer(errorText))
      }
      return
    }
    upload = request.body
    uploaded = 0
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe sh_set_pointer(handle, CURLOPT_READDATA, me)
    unsafe sh_set_data(handle, CURLOPT_READFUNCTION, { unsafe sendBody($0, $1, $2, $3) })
    unsafe sh_set_pointer(handle, CURLOPT_SEEKDATA, me)
    unsafe sh_set_seek(handle, { unsafe seekBody($0, $1, $2) })
  }

  /// The next bytes of a large body. The number of bytes given.
  fileprivate func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(buffer.count, upload.count - uploaded)
    unsafe upload[uploaded..<(uploaded + count)].withUnsafeBytes {
      unsafe buffer.copyMemory(from: $0)
    }
    uploaded += count
    return count
  }
  fileprivate func rewind(to offset: Int) -> Bool {
    if offset < 0 || offset > upload.count { return false }
    uploaded = offset
    return true
  }

  // MARK: after the fact

  /// How many connections were opened for the request; 0: an open one was used again.
  var connects: Int { long(CURLINFO_NUM_CONNECTS) }
  /// Bytes sent, head and body.
  var sentBytes: Int {
    var body = curl_off_t(0)
    _ = unsafe sh_get_offset(handle, CURLINFO_SIZE_UPLOAD_T, &body)
    return max(long(CURLINFO_REQUEST_SIZE), Int(body))
  }
  /// libcurl's words for what went wrong, with the system's where a connection could not be made.
  var errorMessage: String {
    let message = unsafe String(cString: errorText)
    let code = long(CURLINFO_OS_ERRNO)
    if message.isEmpty || code == 0 { return message }
    return "\(message): \(systemErrorText(Int32(truncatingIfNeeded: code)))"
  }
  func pause(_ paused: Bool) {
    _ = unsafe curl_easy_pause(handle, paused ? CURLPAUSE_RECV : CURLPAUSE_CONT)
  }
  private func long(_ info: CURLINFO) -> Int {
    var value = 0
    _ = unsafe sh_get_long(handle, info, &value)
    return value
  }
}

// Free functions, so that they belong to no actor.

private func owner(_ pointer: UnsafeMutableRawPointer?) -> EasyHandle? {
  guard let pointer = unsafe pointer else { return nil }
  return unsafe Unmanaged<EasyHandle>.fromOpaque(pointer).takeUnretainedValue()
}

private func receiveBody(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ data: UnsafeMutableRawPointer?
) -> Int {
  guard let transfer = unsafe owner(data)?.transfer else { return 0 }
  let piece = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
  return unsafe transfer.receiveBody(piece) ? piece.count : Int(CURL_WRITEFUNC_PAUSE)
}

private func receiveHead(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ data: UnsafeMutableRawPointer?
) -> Int {
  guard let transfer = unsafe owner(data)?.transfer else { return 0 }
  let line = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
  return unsafe transfer.receiveHeadLine(line) ? line.count : 0
}

private func sendBody(
  _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ data: UnsafeMutableRawPointer?
) -> Int {
  guard let easy = unsafe owner(data) else { return Int(CURL_READFUNC_ABORT) }
  return unsafe easy.fill(UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}

private func seekBody(_ data: UnsafeMutableRawPointer?, _ offset: curl_off_t, _ origin: Int32)
  -> Int32
{
  guard origin == SEEK_SET, let easy = unsafe owner(data), easy.rewind(to: Int(offset)) else {
    return CURL_SEEKFUNC_FAIL
  }
  return CURL_SEEKFUNC_OK
}

private func openSocket(
  _ data: UnsafeMutableRawPointer?, _ purpose: curlsocktype,
  _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
  guard let address = unsafe address, let data = unsafe data else { return CURL_SOCKET_BAD }
  let made = unsafe socket(
    address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue),
    address.pointee.protocol)
  if made >= 0 {
    unsafe Unmanaged<CurlMulti>.fromOpaque(data).takeUnretainedValue().socketOpens(made)
  }
  return made
}

private func closeSocket(_ data: UnsafeMutableRawPointer?, _ socket: curl_socket_t) -> Int32 {
  if let data = unsafe data {
    unsafe Unmanaged<CurlMulti>.fromOpaque(data).takeUnretainedValue().socketCloses(socket)
  }
  return close(socket)
}
