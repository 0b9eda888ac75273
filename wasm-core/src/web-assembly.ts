// The few parts of the global WebAssembly that the wrapper uses, declared here because each runtime's types declare their
// own (or, as Node's, none): the package compiles under all of them.

/** A compiled module: a `WebAssembly.Module`, however the runtime's types call it. */
export type CompiledModule = object;

export interface ExportedMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export interface ExportedNumber {
  readonly value: number;
}

declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => CompiledModule;
  readonly Instance: new (module: CompiledModule, imports: object) => { readonly exports: object };
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  compile(bytes: Uint8Array<ArrayBuffer>): Promise<CompiledModule>;
};

/** Synchronous; the only form that Workers allow. */
export function instantiate(module: CompiledModule): object {
  return new WebAssembly.Instance(module, {}).exports;
}

export function validates(bytes: Uint8Array<ArrayBuffer>): boolean {
  return WebAssembly.validate(bytes);
}

export function compile(bytes: Uint8Array<ArrayBuffer>): Promise<CompiledModule> {
  return WebAssembly.compile(bytes);
}

/** Not in Workers, which refuse to compile. */
export function compileNow(bytes: Uint8Array<ArrayBuffer>): CompiledModule {
  return new WebAssembly.Module(bytes);
}
