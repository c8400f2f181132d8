using System.Globalization;

namespace Conclave.Bench;

/// <summary>What a process and its children have taken from the machine so far, as the kernel counts it.</summary>
/// <param name="Processor">Processor time, in milliseconds; the kernel tells it in steps of 10.</param>
/// <param name="Memory">Memory, with a share of what it shares with others, in bytes.</param>
internal readonly record struct ProcessCost(double Processor, long Memory)
{
    public static ProcessCost Of(int root)
    {
        (double processor, long memory) = (0, 0);
        foreach (int process in Tree(root))
        {
            try
            {
                string[] stat = Stat(process);
                processor += (long.Parse(stat[11], CultureInfo.InvariantCulture) + long.Parse(stat[12], CultureInfo.InvariantCulture)) * 10.0;
                string share = File.ReadLines($"/proc/{process}/smaps_rollup").First(l => l.StartsWith("Pss:", StringComparison.Ordinal));
                memory += long.Parse(share.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
            }
            catch (IOException)
            {
                // ended meanwhile
            }
        }

        return new(processor, memory);
    }

    private static List<int> Tree(int root)
    {
        var children = new Dictionary<int, List<int>>();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int process))
            {
                try
                {
                    int parent = int.Parse(Stat(process)[1], CultureInfo.InvariantCulture);
                    (children.TryGetValue(parent, out var list) ? list : children[parent] = []).Add(process);
                }
                catch (IOException)
                {
                    // ended meanwhile
                }
            }
        }

        List<int> all = [root];
        for (int i = 0; i < all.Count; i++)
        {
            all.AddRange(children.GetValueOrDefault(all[i], []));
        }

        return all;
    }

    // what follows the name, which may hold anything but the last parenthesis
    private static string[] Stat(int process)
    {
        string line = File.ReadAllText($"/proc/{process}/stat");
        return line[(line.LastIndexOf(')') + 2)..].Split(' ');
    }
}
