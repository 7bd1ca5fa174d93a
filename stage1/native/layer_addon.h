// The door of the third addon to layer_maker.h.
#pragma once

namespace Napi {
class Env;
class Function;
}  // namespace Napi

namespace layer {

/** The class LayerMaker of gunzip_addon.d.ts. */
Napi::Function define_maker(Napi::Env env);

}  // namespace layer
