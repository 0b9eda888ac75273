/** WebAssembly modules arrive compiled: workerd's `wasm` modules, wrangler's CompiledWasm rule. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  // biome-ignore lint/style/noDefaultExport: it is what the runtime gives.
  export default module;
}
