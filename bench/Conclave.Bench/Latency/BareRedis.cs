using System.Globalization;
using System.Text;
using Conclave.Redis;

namespace Conclave.Bench;

/// <summary>What a lock has sent, to be sent again by the bare wire: one script that joins, one that leaves.</summary>
internal sealed class BareRedis : IBarePairs
{
    private readonly RespConnection _wire;
    private readonly Pair[] _pairs;

    private BareRedis(RespConnection wire, Pair[] pairs) => (_wire, _pairs) = (wire, pairs);

    public static async Task<BareRedis> RecordAsync(RedisEngine engine, int workers)
    {
        var sent = new List<byte[][]>();

        // left to the end of the process: its session must live while its scripts are sent again
        var client = new ConclaveClient(engine.Open("record", (RedisCommand command) =>
        {
            lock (sent)
            {
                sent.Add(WordsOf(command));
            }
        }));
        var pairs = new Pair[workers];
        for (int i = 0; i < workers; i++)
        {
            var claim = await client.Lock($"name/{i}").AcquireAsync();
            byte[] revision = Encoding.ASCII.GetBytes(claim.Token.Value.ToString("D15", CultureInfo.InvariantCulture));
            await claim.DisposeAsync();
            byte[] name = Encoding.ASCII.GetBytes($"lock/name%2F{i}/");
            byte[][][] mine;
            lock (sent)
            {
                mine = [.. sent.Where(words => words.Any(word => word.AsSpan().IndexOf(name) >= 0)).TakeLast(2)];
            }

            pairs[i] = new(mine[0], [.. mine[1]], Array.FindIndex(mine[1], word => word.AsSpan().SequenceEqual(revision)));
        }

        return new(await RedisWire.ConnectAsync(engine.Server), pairs);
    }

    public async Task SendAsync(int worker)
    {
        var pair = _pairs[worker];

        // who leaves says which revision of its entry it means
        pair.Leave[pair.RevisionAt] = await _wire.SendAsync(new Words<byte[]>(pair.Join, Revision), default);
        byte[] left = await _wire.SendAsync(new Words<byte[]>(pair.Leave, Revision), default);
        if (left.AsSpan().SequenceEqual(pair.Leave[pair.RevisionAt]))
        {
            throw new InvalidOperationException("What was sent again did not write what it wrote at first.");
        }
    }

    public ValueTask DisposeAsync() => _wire.DisposeAsync();

    private static byte[] Revision(ref RespReader answer)
    {
        int parts = answer.ReadArray();
        if (answer.ReadNumber() != 1)
        {
            throw new InvalidOperationException("What was sent again was refused.");
        }

        byte[] revision = answer.ReadBytes().ToArray();
        for (int i = 2; i < parts; i++)
        {
            answer.Skip();
        }

        return revision;
    }

    private static byte[][] WordsOf(RedisCommand command)
    {
        var writer = new RespWriter();
        command.Write(writer);
        var rest = writer.Written.Span;
        byte[][] words = new byte[Number(ref rest)][];
        for (int i = 0; i < words.Length; i++)
        {
            int length = Number(ref rest);
            words[i] = rest[..length].ToArray();
            rest = rest[(length + 2)..];
        }

        return words;

        static int Number(ref ReadOnlySpan<byte> rest)
        {
            int end = rest.IndexOf("\r\n"u8);
            int number = int.Parse(rest[1..end], CultureInfo.InvariantCulture);
            rest = rest[(end + 2)..];
            return number;
        }
    }

    /// <param name="RevisionAt">Where the revision stands in what leaves.</param>
    private sealed record Pair(byte[][] Join, byte[][] Leave, int RevisionAt);
}
