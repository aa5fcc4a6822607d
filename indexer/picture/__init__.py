"""Features of a picture: hash, descriptor, keypoints and local features."""
