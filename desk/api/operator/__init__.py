"""Operations of the operator, for `exhibit api` on the installation's own machine alone."""
