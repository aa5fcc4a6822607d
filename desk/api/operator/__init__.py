"""Operations of the operator, available only to `exhibit api` on the installation's own machine."""
