import { NativeSelect } from "@mantine/core";
import { useState } from "react";
import { useSession } from "../session/useSession";

const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/** Asks the server to log from a level upwards. The server never says which level it uses, so none is shown as chosen before. */
export function LogLevel() {
  const session = useSession();
  const [level, setLevel] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const choose = async (next: string): Promise<void> => {
    if (next === "") return;
    setProblem(null);
    try {
      await session.request("logging/setLevel", { level: next });
      setLevel(next);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <NativeSelect
      size="xs"
      aria-label="Log level"
      data={[{ value: "", label: "Log level: the server's own", disabled: level !== "" }, ...LEVELS.map((value) => ({ value, label: `Log level: ${value}` }))]}
      value={level}
      error={problem}
      onChange={(event) => void choose(event.currentTarget.value)}
      data-testid="log-level"
    />
  );
}
