"""The figures that decide a match and its grade; what else the comparison is set by stands where it is used.

Chosen on 20 November 2026; the counts are of the comparison as it was then. ``docs/how-matching-works.md`` lists them,
``docs/accuracy.md`` tells what comes of them, and the shipped calibration what a decision by them is worth.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What ``match-5`` (:data:`indexer.picture.spaces.PIPELINE`) decides by: with other figures it needs another name.

    Hashes differ in bits of 256. Dense is the share of textured windows that agree. Precision is the share of patches
    in place less the drift in pixels. Excess is how many times what its noise explains the median patch is displaced.
    """

    hash_reach: int = 90  # bits within which two pictures are laid onto each other as their hashes say
    near_exact: int = 10  # bits, at most, of a picture that carries too little information
    near_exact_levels: float = 6.0  # grey levels by which its pixels differ then, at most, the mean
    promising_dense: float = 0.25  # share from which the fit is measured: it costs ten times as much
    min_textured: int = 100  # windows in the overlap, below which their agreement says nothing
    same_panel: float = 0.4  # share in each panel; five sheets of which one panel showed another picture: .3 at most
    another_part: float = 0.22  # share of the overlap, from which nothing is certain; copies under news lines: .23
    another_piece: float = 0.12  # the same of a picture laid in pieces; two garments on one floor: .16, 3 of 69 copies
    another_around: float = 0.45  # the same for review, where pieces show little; under one caption: 25 of 29 beyond it
    agreeing_area: float = 0.35  # share of the overlap, below which alike_area is needed; products before walls: .39
    alike_area: float = 0.8  # the same with what is plain and as bright, for certain; one emblem before two walls: .7
    alike_levels: int = 8  # grey levels by which what is plain may differ from one line for all of it
    beside_marks: float = 0.75  # share beside marks, for certain; 28 strangers under one mark: .53 at most
    unlike_beside: float = 0.45  # the same, below which nothing is shown; copies without the mark: .51 and more
    min_inliers: int = 5  # keypoints that agree, from which they say how the pictures lie
    many_inliers: int = 12  # keypoints that agree, below which that is a doubt
    patch_in_place: float = 0.5  # pixels by which a patch in place is displaced, at most
    min_patches: int = 40  # textured patches, for certain
    half_in_place: float = 0.5  # share of patches below which what agrees is little
    max_drift: float = 0.3  # pixels up to which the pictures lie on each other precisely
    review_agreement: float = 0.35  # mean of dense and in place; large words across the foot of two photographs: .33
    certain_dense: float = 0.5  # share
    review_precision: float = -0.2  # nine of 249 pairs that resemble one another without being copies came beyond it
    certain_precision: float = 0.5  # of those none came beyond .17; of 200 photographs under the same words, beyond .35
    alone_precision: float = 0.75  # where too few keypoints agree, and only the hashes say how the pictures lie
    hash_same: int = 8  # bits within which exact_dense and noise_excess are enough; frames of one film: 14 and more
    exact_dense: float = 0.9  # share
    hash_near: int = 30  # bits; works that resemble one another: 52 and more, but for logos and frames of one film
    hash_near_precision: float = 0.2  # then
    hash_near_excess: float = 3.0  # times, for certain then; frames of one film: 3.3 and more
    hash_review: int = 48  # bits within which a pair of hash_review_dense is worth a look, or whatever pieces say
    hash_review_dense: float = 0.6  # share
    hash_alone: int = 64  # bits, for review where no details agree; six of 6.4 million pairs, all of like products
    hash_alone_part: float = 0.5  # share of the work that such a hash is of: words are the same on any picture
    max_excess: float = 5.0  # times; frames of one film: 4.2 and more, nearly all 4.6; copies badly saved: 1 to 4.5
    noise_excess: float = 4.0  # times, with many keypoints, however precise
    agreeing_excess: float = 4.5  # the same where windows agree as for certain: under one caption fewer do
    pieces_intercept: float = -1.0  # of the score of a picture laid in pieces, fitted on 22 November 2026
    pieces_excess: float = -2.6  # its weight of the logarithm of the excess
    pieces_noise: float = 0.1  # added to the excess, so that it has one
    pieces_cover: float = 4.9  # its weight of the share of the work that pieces cover
    pieces_roughness: float = -0.36  # its weight of the logarithm of the pixels by which cells lie beside each other
    pieces_review: float = 1.0  # the score; five of 309 other photographs of a scene came beyond it
    pieces_shown: float = 0.65  # share of the work that pieces show in place, for review without that score
    pieces_dense: float = 0.95  # share, then; 11 of 157 copies that were lost, and one of 1,000 pairs of others
    pieces_little: float = 0.33  # the same share, below which another picture is looked for around the pieces
    pieces_certain: float = 2.5  # of those that show half of the work none came beyond 1
    pieces_near_excess: float = 1.5  # times, for certain within hash_near; frames of one film: 1.7 and more
    pieces_agreeing: int = 40  # matches that follow one similarity with their neighbours, for certain


THRESHOLDS = Thresholds()
