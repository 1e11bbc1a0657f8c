import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** A JPEG's size before its EXIF orientation. */
export interface JpegSize {
  readonly width: number;
  readonly height: number;
}

/** What is used of koffi, which calls functions of shared libraries. */
interface Koffi {
  load(file: string): { func(name: string, result: unknown, parameters: readonly unknown[]): CFunction };
  struct(members: Record<string, string>): unknown;
  pointer(type: string): unknown;
}
type CFunction = (...values: readonly unknown[]) => unknown;

/**
 * libjpeg-turbo through its TurboJPEG API (3.1, https://libjpeg-turbo.org/Documentation/Documentation): the accurate
 * transform and smooth chroma that Pillow uses, so the same pixels to the last bit, decoded straight into memory of the
 * caller. Not safe to be called from two threads: one each.
 */
export class JpegLibrary {
  readonly #handle: unknown;
  readonly #header: CFunction;
  readonly #get: CFunction;
  readonly #scale: CFunction;
  readonly #decompress: CFunction;

  private constructor(koffi: Koffi, file: string) {
    const library = koffi.load(file);
    const factor = koffi.struct({ num: 'int', denom: 'int' });
    const bytes = koffi.pointer('uint8_t');
    this.#header = library.func('tj3DecompressHeader', 'int', ['void *', bytes, 'size_t']);
    this.#get = library.func('tj3Get', 'int', ['void *', 'int']);
    this.#scale = library.func('tj3SetScalingFactor', 'int', ['void *', factor]);
    this.#decompress = library.func('tj3Decompress8', 'int', ['void *', bytes, 'size_t', bytes, 'int', 'int']);
    const set = library.func('tj3Set', 'int', ['void *', 'int', 'int']);
    this.#handle = library.func('tj3Init', 'void *', ['int'])(decompressOnly);
    // A warning says that data is damaged or cut off. Which of the two it is, and whether to refuse it, libvips decides.
    set(this.#handle, parameter.stopOnWarning, 1);
    // Far beyond any encoder's; a few kilobytes could ask for hours of work otherwise.
    set(this.#handle, parameter.scanLimit, 100);
  }

  /** The library that the build laid beside the server, or nothing: no package brings one for Windows and macOS. */
  static find(): JpegLibrary | undefined {
    const file = join(__dirname, 'libturbojpeg.so.0');
    return existsSync(file) ? new JpegLibrary(createRequire(__filename)('koffi') as Koffi, file) : undefined;
  }

  /** The JPEG's size, or nothing when it is damaged or of a kind that is not decoded here (CMYK, 12 bits, lossless). */
  size(jpeg: Uint8Array): JpegSize | undefined {
    if (this.#header(this.#handle, jpeg, jpeg.length) !== 0) return undefined;
    const get = (name: keyof typeof parameter) => this.#get(this.#handle, parameter[name]) as number;
    if (get('colorspace') >= cmyk || get('precision') !== 8 || get('lossless') === 1) return undefined;
    return { width: get('width'), height: get('height') };
  }

  /**
   * Decodes the JPEG whose `size` was just asked, its sides divided by 1, 2, 4 or 8 and rounded up, as RGB.
   * @param target exactly 3 bytes a pixel
   * @returns false when it is damaged
   */
  decode(jpeg: Uint8Array, divisor: number, target: Uint8Array): boolean {
    this.#scale(this.#handle, { num: 1, denom: divisor });
    return this.#decompress(this.#handle, jpeg, jpeg.length, target, 0, rgb) === 0;
  }
}

// turbojpeg.h
const decompressOnly = 1;
const rgb = 0;
const cmyk = 3;
const parameter = {
  stopOnWarning: 0,
  width: 5,
  height: 6,
  precision: 7,
  colorspace: 8,
  scanLimit: 13,
  lossless: 15,
} as const;
