// The one EXIF field that matters here: which way up a picture is.
#pragma once

#include <cstddef>
#include <span>

namespace facet {

/// How stored pixels relate to the upright picture: the values 1..8 of EXIF tag 0x0112 (CIPA
/// DC-008, section 4.6.5.1.6). The comment says what makes the picture upright.
enum class Orientation {
  kUpright = 1,
  kMirror = 2,      ///< mirror left and right
  kTurn180 = 3,     ///< turn by 180 degrees
  kFlip = 4,        ///< exchange top and bottom
  kTranspose = 5,   ///< mirror at the diagonal from top left
  kTurnRight = 6,   ///< turn by 90 degrees clockwise
  kTransverse = 7,  ///< mirror at the diagonal from top right
  kTurnLeft = 8,    ///< turn by 90 degrees counterclockwise
};

/// Reads the orientation from an EXIF block: a TIFF header ("II*" or "MM*") and its first
/// directory, with or without the JPEG prefix "Exif\0\0". Reads inside the block only, in one pass
/// over one directory. Anything broken, missing or out of range means kUpright: metadata never
/// makes a picture unreadable.
Orientation ReadOrientation(std::span<const std::byte> exif);

}  // namespace facet
