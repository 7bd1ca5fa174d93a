// The addon that expands gzip on a thread of Node's pool, and hashes there what comes out. Buffers are the caller's, and used
// again: those that node:zlib makes, one for each piece, keep the garbage collector as busy as the thread.
//
// inflate() is that of the executable where Node brings its own (it is faster), else libz's; the digests are Node's OpenSSL's.
#include <napi.h>
#include <openssl/evp.h>
#include <zlib.h>

#include <memory>
#include <string>

#include "layer_addon.h"

namespace {

using Napi::CallbackInfo;

// Of the two formats that inflate() knows gzip's, with the largest window.
constexpr int kGzip = 15 + 16;

struct Taken {
  size_t read = 0;
  size_t written = 0;
};

/** One file being expanded: members one behind the other (RFC 1952 §2.2); from a zero byte between two on it is padding. */
class Stream {
 public:
  ~Stream() { static_cast<void>(inflateEnd(&stream_)); }
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;

  /** @param algorithm OpenSSL's name of it, or empty */
  explicit Stream(const std::string &algorithm) : hash_(nullptr, EVP_MD_CTX_free) {
    is_usable_ = inflateInit2(&stream_, kGzip) == Z_OK;
    if (algorithm.empty()) return;
    hash_.reset(EVP_MD_CTX_new());
    const EVP_MD *digest = EVP_get_digestbyname(algorithm.c_str());
    is_usable_ = is_usable_ && hash_ && digest != nullptr && EVP_DigestInit_ex(hash_.get(), digest, nullptr) == 1;
  }

  bool is_usable() const { return is_usable_; }
  /** What was read is whole. */
  bool is_complete() const { return is_between_; }

  /** Expands as much as there is, or fits. @return what is wrong with the data, or nullptr */
  const char *expand(uint8_t *input, size_t size, uint8_t *output, size_t room, Taken *taken) {
    stream_.next_in = input;
    stream_.avail_in = static_cast<uInt>(size);
    stream_.next_out = output;
    stream_.avail_out = static_cast<uInt>(room);
    const char *problem = nullptr;
    int result = Z_OK;
    while (problem == nullptr && result == Z_OK && stream_.avail_out > 0) {
      if (!begin_member()) break;
      result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        is_between_ = true;
        result = Z_OK;
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        problem = stream_.msg != nullptr ? stream_.msg : zError(result);
      }
    }
    if (is_padding_) stream_.avail_in = 0;
    taken->read = size - stream_.avail_in;
    taken->written = room - stream_.avail_out;
    if (hash_ && EVP_DigestUpdate(hash_.get(), output, taken->written) != 1) return "its digest cannot be computed";
    return problem;
  }

  /** Of all that was expanded; to be called once. Empty if there is none. */
  std::string digest() {
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!hash_ || EVP_DigestFinal_ex(hash_.get(), bytes, &size) != 1) return "";
    return std::string(reinterpret_cast<char *>(bytes), size);
  }

 private:
  /** False if there is nothing to expand. */
  bool begin_member() {
    if (!is_between_) return true;  // even without input: what did not fit before may be waiting
    if (stream_.avail_in == 0 || is_padding_) return false;
    if (is_begun_ && stream_.next_in[0] == 0) {
      is_padding_ = true;
      return false;
    }
    if (is_begun_) static_cast<void>(inflateReset(&stream_));  // it fails for streams that inflateInit2 did not make
    is_begun_ = true;
    is_between_ = false;
    return true;
  }

  z_stream stream_{};
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash_;
  bool is_usable_ = false;
  bool is_begun_ = false;
  bool is_between_ = true;
  bool is_padding_ = false;
};

/** One call of expand() on another thread. It keeps stream and buffers alive. */
class Step : public Napi::AsyncWorker {
 public:
  Step(Napi::Env env, std::shared_ptr<Stream> stream, Napi::Buffer<uint8_t> input, size_t at, Napi::Buffer<uint8_t> output, size_t filled)
      : AsyncWorker(env, "gunzip"),
        deferred_(Napi::Promise::Deferred::New(env)),
        stream_(std::move(stream)),
        kept_input_(Napi::Persistent(input)),
        kept_output_(Napi::Persistent(output)),
        input_(input.Data() + at),
        size_(input.Length() - at),
        output_(output.Data() + filled),
        room_(output.Length() - filled) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    const char *problem = stream_->expand(input_, size_, output_, room_, &taken_);
    if (problem != nullptr) SetError(problem);
  }
  void OnOK() override {
    Napi::Object result = Napi::Object::New(Env());
    result.Set("read", Napi::Number::New(Env(), static_cast<double>(taken_.read)));
    result.Set("written", Napi::Number::New(Env(), static_cast<double>(taken_.written)));
    deferred_.Resolve(result);
  }
  void OnError(const Napi::Error &error) override { deferred_.Reject(error.Value()); }

 private:
  const Napi::Promise::Deferred deferred_;
  const std::shared_ptr<Stream> stream_;
  const Napi::Reference<Napi::Buffer<uint8_t>> kept_input_;
  const Napi::Reference<Napi::Buffer<uint8_t>> kept_output_;
  uint8_t *const input_;
  const size_t size_;
  uint8_t *const output_;
  const size_t room_;
  Taken taken_;
};

class Gunzip : public Napi::ObjectWrap<Gunzip> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Gunzip",
                       {InstanceMethod("step", &Gunzip::step), InstanceMethod("digest", &Gunzip::digest),
                        InstanceMethod("isComplete", &Gunzip::is_complete)});
  }

  explicit Gunzip(const CallbackInfo &info) : ObjectWrap(info) {
    const std::string algorithm = info[0].IsString() ? info[0].As<Napi::String>().Utf8Value() : "";
    stream_ = std::make_shared<Stream>(algorithm);
    if (!stream_->is_usable()) throw Napi::Error::New(info.Env(), "gzip data or digests cannot be dealt with: no memory?");
  }

 private:
  Napi::Value step(const CallbackInfo &info) {
    const auto input = info[0].As<Napi::Buffer<uint8_t>>();
    const size_t at = info[1].As<Napi::Number>().Uint32Value();
    const auto output = info[2].As<Napi::Buffer<uint8_t>>();
    const size_t filled = info[3].As<Napi::Number>().Uint32Value();
    if (at > input.Length() || filled > output.Length()) throw Napi::RangeError::New(info.Env(), "beyond the end of a buffer");
    auto *work = new Step(info.Env(), stream_, input, at, output, filled);  // deletes itself when it is done
    const Napi::Promise promise = work->promise();
    work->Queue();
    return promise;
  }

  Napi::Value digest(const CallbackInfo &info) {
    const std::string bytes = stream_->digest();
    return Napi::Buffer<char>::Copy(info.Env(), bytes.data(), bytes.size());
  }

  Napi::Value is_complete(const CallbackInfo &info) { return Napi::Boolean::New(info.Env(), stream_->is_complete()); }

  std::shared_ptr<Stream> stream_;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Gunzip", Gunzip::define(env));
  layer::define(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(podctl_gunzip, init)
