// The door of the third addon to layer_maker.h.
#pragma once

namespace Napi {
class Env;
class Object;
}  // namespace Napi

namespace layer {

/** LayerMaker and syncfs of gunzip_addon.d.ts. */
void define(Napi::Env env, Napi::Object exports);

}  // namespace layer
