/** The first `size` names keep their own label, later ones become `other`: labels that grow eat the process. */
export function closedSet(size: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= size) return "other";
    known.add(name);
    return name;
  };
}
