"""What is measured of one picture: hash, descriptor, keypoints and local features, together its features."""
