#include "layer_addon.h"

#include <napi.h>

#include <memory>
#include <string>

#include "layer_maker.h"
#include "sys.h"

namespace layer {
namespace {

using Napi::CallbackInfo;

/** One call of the maker on a thread of Node's pool. It keeps maker and buffer alive; what it throws (no memory) is giving up. */
class Step : public Napi::AsyncWorker {
 public:
  Step(Napi::Env env, std::shared_ptr<Maker> maker, Napi::Buffer<uint8_t> bytes, bool is_last)
      : AsyncWorker(env, "layer"),
        deferred_(Napi::Promise::Deferred::New(env)),
        maker_(std::move(maker)),
        kept_(Napi::Persistent(bytes)),
        bytes_(bytes.Data()),
        size_(bytes.Length()),
        is_last_(is_last) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    is_done_ = is_last_ ? maker_->finish(std::string(reinterpret_cast<const char *>(bytes_), size_)) : maker_->write(bytes_, size_);
  }
  void OnOK() override { deferred_.Resolve(Napi::Boolean::New(Env(), is_done_)); }
  void OnError(const Napi::Error &) override { deferred_.Resolve(Napi::Boolean::New(Env(), false)); }

 private:
  const Napi::Promise::Deferred deferred_;
  const std::shared_ptr<Maker> maker_;
  const Napi::Reference<Napi::Buffer<uint8_t>> kept_;
  const uint8_t *const bytes_;
  const size_t size_;
  const bool is_last_;
  bool is_done_ = false;
};

/** syncfs(2) on a thread of Node's pool. */
class Sync : public Napi::AsyncWorker {
 public:
  Sync(Napi::Env env, int fd) : AsyncWorker(env, "syncfs"), deferred_(Napi::Promise::Deferred::New(env)), fd_(fd) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { is_done_ = !sys::failed(sys::syncfs(fd_)); }
  void OnOK() override { deferred_.Resolve(Napi::Boolean::New(Env(), is_done_)); }

 private:
  const Napi::Promise::Deferred deferred_;
  const int fd_;
  bool is_done_ = false;
};

template <typename Work>
Napi::Promise queue(Work *work) {
  const Napi::Promise promise = work->promise();
  work->Queue();  // it deletes itself when it is done
  return promise;
}

Napi::Array texts(Napi::Env env, const std::vector<std::string> &list) {
  Napi::Array array = Napi::Array::New(env, list.size());
  for (size_t i = 0; i < list.size(); i++) {
    // Bytes, each a character, as stage0/render/byte-string.ts has names.
    napi_value text = nullptr;
    if (napi_create_string_latin1(env, list[i].data(), list[i].size(), &text) != napi_ok) throw Napi::Error::New(env);
    array.Set(static_cast<uint32_t>(i), Napi::Value(env, text));
  }
  return array;
}

class LayerMaker : public Napi::ObjectWrap<LayerMaker> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "LayerMaker",
                       {InstanceMethod("write", &LayerMaker::write), InstanceMethod("facts", &LayerMaker::facts),
                        InstanceMethod("finish", &LayerMaker::finish), InstanceMethod("made", &LayerMaker::made),
                        InstanceMethod("close", &LayerMaker::close)});
  }

  explicit LayerMaker(const CallbackInfo &info) : ObjectWrap(info) {
    const auto start = info[2].As<Napi::Buffer<char>>();
    maker_ = std::make_shared<Maker>(info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(),
                                     std::string(start.Data(), start.Length()));
  }

 private:
  Napi::Value write(const CallbackInfo &info) { return step(info, false); }
  Napi::Value finish(const CallbackInfo &info) { return step(info, true); }

  Napi::Value step(const CallbackInfo &info, bool is_last) {
    return queue(new Step(info.Env(), maker_, info[0].As<Napi::Buffer<uint8_t>>(), is_last));
  }

  Napi::Value facts(const CallbackInfo &info) {
    const Napi::Env env = info.Env();
    if (!maker_->complete()) return env.Undefined();
    const Facts facts = maker_->facts();
    Napi::Object result = Napi::Object::New(env);
    result.Set("links", Napi::Boolean::New(env, facts.links));
    result.Set("opaque", Napi::Boolean::New(env, facts.opaque));
    result.Set("implicit", texts(env, facts.implicit));
    result.Set("hiding", texts(env, facts.hiding));
    return result;
  }

  Napi::Value made(const CallbackInfo &info) {
    const Napi::Env env = info.Env();
    Napi::Object result = Napi::Object::New(env);
    const std::string digest = maker_->digest();
    result.Set("digest", Napi::Buffer<char>::Copy(env, digest.data(), digest.size()));
    result.Set("size", Napi::Number::New(env, static_cast<double>(maker_->size())));
    const Tree *tree = maker_->tree();
    if (tree == nullptr) return result;
    Napi::Object rendered = Napi::Object::New(env);
    rendered.Set("bytes", Napi::Number::New(env, static_cast<double>(tree->bytes())));
    rendered.Set("entries", Napi::Number::New(env, static_cast<double>(tree->entries())));
    result.Set("tree", rendered);
    return result;
  }

  void close(const CallbackInfo &) { maker_->close(); }

  std::shared_ptr<Maker> maker_;
};

}  // namespace

void define(Napi::Env env, Napi::Object exports) {
  exports.Set("LayerMaker", LayerMaker::define(env));
  exports.Set("syncfs", Napi::Function::New(env, [](const CallbackInfo &info) -> Napi::Value {
                return queue(new Sync(info.Env(), info[0].As<Napi::Number>().Int32Value()));
              }));
}

}  // namespace layer
