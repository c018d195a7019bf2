"""`python -m semalign list methods`: what there is to choose from."""

from semalign.study.listing import main

if __name__ == "__main__":
    main()
