"""Entry point of `python -m semalign`, for example `python -m semalign list methods`."""

from semalign.study.listing import main

if __name__ == "__main__":
    main()
