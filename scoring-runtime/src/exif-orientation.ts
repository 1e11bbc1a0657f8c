/**
 * The EXIF orientation of a JPEG, 1 to 8, or 1 where it has none. Damaged metadata counts as none, as for every viewer.
 * EXIF 3.0, 4.5 and 4.6.2; the tag is 0x0112 of the first directory.
 */
export function exifOrientation(jpeg: Uint8Array): number {
  const view = new DataView(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength);
  try {
    for (let at = 2; view.getUint8(at) === 0xff;) {
      const marker = view.getUint8(at + 1);
      // Fill bytes may stand before a marker; after start of scan come pixels.
      if (marker === 0xff) at++;
      else if (marker === 0xda || marker === 0xd9) return 1;
      else {
        const isExif = marker === 0xe1 && view.getUint32(at + 4) === 0x45786966 && view.getUint16(at + 8) === 0;
        if (isExif) return orientationOf(view, at + 10);
        at += 2 + view.getUint16(at + 2);
      }
    }
  } catch (error) {
    // Something points beyond the end of the file.
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

function orientationOf(view: DataView, tiff: number): number {
  const little = view.getUint16(tiff) === 0x4949;
  const directory = tiff + view.getUint32(tiff + 4, little);
  const entries = view.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
