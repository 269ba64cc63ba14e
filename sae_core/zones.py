"""What stands under the dials of methods that keep so many codes: where they do nothing, help, and do harm."""

__all__ = ["ZONES_OF_K", "ZONES_OF_LIFETIME"]

ZONES_OF_K = ((6.0, "kills units"), (128.0, "useful"), (256.0, "no effect"))
"""From MNIST, three epochs on one thread, FVU and dead share on test images (`penstroke sweep --grid k=1,2,3,5,8,…`):

    k                     1     2     3     5     8    16    32    64   100   128   160   224   256
    TopK 256, FVU       .55   .46   .39   .33   .27   .20   .16   .11   .08         .05   .04   .04
              dead      .75   .64   .45   .27   .15   .02     0     0   .01           0     0     0
    BatchTopK 256, dead .87   .75   .65   .45   .27   .06     0     0     0           0     0     0
    TopK 1,024, FVU     .54   .45               .26   .19   .14   .10         .07               .03
                dead    .93   .89               .63   .47   .21   .02           0               .06
    BatchTopK 1,024 is as TopK there: dead .97 at k = 1, .49 at 16, .01 at 64, .06 at 256.

Below, a quarter of 256 units and more are dead (of 1,024 still at k = 16: aux-k is for that). Above, the copy is nearly
as good as without sparsity (.037 at 256), and 1,024 units turn back to static: 90% are strokes at 128, 8% at 512.
"""

ZONES_OF_LIFETIME = ((0.03, "blurs"), (0.35, "useful"), (0.5, "no effect"))
"""Likewise; on test images all codes count, so a share too small for the units to share an image copies too much of it:

    share                .005    .01   .02   .05    .1    .2   .35    .5    .8
    WTA 256, FVU        10.57   2.72  1.21   .26   .16   .13   .09   .08   .05
             strokes      .92    .94   .95   .96   .98   .99   .98   .83   .62
    WTA 1,024, FVU      20.37   3.40  1.12   .16   .10   .08         .05
               strokes    .66    .62   .59   .35   .12   .03           0

Up to .02 the copies are worse than the mean image would be; no unit dies at any share. From .35 on it copies as a dense
code does. The zones are those of 256 units: after three epochs most filters of 1,024 are still static from .1 on.
"""
