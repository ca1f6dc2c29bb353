const PATHS = {
  bridge: "M2 17c5-10 15-10 20 0M1.500 20h21M7 13v7M12 10.500V20M17 13v7",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 1 0 0-8M12 2v2M12 20v2M4 12H2M22 12h-2M5 5l1.500 1.500M17.500 17.500L19 19M19 5l-1.500 1.500M6.500 17.500L5 19",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.500l4.500 4.500L19 7",
  refresh: "M20 11A8 8 0 0 0 6 6.500L4 9M4 4v5h5M4 13a8 8 0 0 0 14 4.500l2-2.500M20 20v-5h-5",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  up: "M6 15l6-6l6 6",
  down: "M6 9l6 6l6-6",
  right: "M9 6l6 6l-6 6",
  back: "M19 12H5M11 6l-6 6l6 6",
  search: "M10.500 4a6.500 6.500 0 1 0 0 13a6.500 6.500 0 1 0 0-13M15.500 15.500L20 20",
  columns: "M4 5h16v14H4zM14 5v14",
  trash: "M5 7h14M10 4h4M7 7l1 13h8l1-13",
} as const;

export type IconName = keyof typeof PATHS;

/** A line icon. It says nothing by itself: the control it stands in carries the label. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={2} strokeLinecap="round" strokeLinejoin="round" aria-hidden>
      <path d={PATHS[name]} />
    </svg>
  );
}
