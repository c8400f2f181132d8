using System.Buffers.Text;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;
using Conclave.Storage;

namespace Conclave.Redis;

/// <summary>Runs <c>commit.lua</c>: one transaction, one round trip.</summary>
/// <param name="attachment">Where.</param>
/// <param name="transaction">What.</param>
/// <param name="looksForSuspects">Whether to be told of overdue sessions among the entries that are read, instead of joining them.</param>
internal sealed class CommitCommand(Attachment attachment, Transaction transaction, bool looksForSuspects)
    : ScriptCommand<CommitResult>(ScriptFor(transaction), attachment)
{
    private const int RevisionDigits = 15;
    private const int SessionStart = 2 * RevisionDigits;
    private const int SessionLength = 16;
    private const int ValueStart = SessionStart + SessionLength;

    protected override int Arguments
    {
        get
        {
            int count = 4 + (2 * transaction.Conditions.Length) + (3 * transaction.Writes.Length);
            foreach (ref readonly var read in transaction.Reads.AsSpan())
            {
                count += read.IsScan ? 4 : 2;
            }

            return count;
        }
    }

    /// <summary>
    /// True for a transaction that puts an entry of a session beside entries that it then reads, as one that joins a queue: whether the others
    /// live decides what its caller does next.
    /// </summary>
    public static bool MeetsOthers(Transaction transaction)
    {
        foreach (ref readonly var write in transaction.Writes.AsSpan())
        {
            if (write.Session is not null)
            {
                foreach (ref readonly var read in transaction.Reads.AsSpan())
                {
                    if (read.IsScan)
                    {
                        return true;
                    }
                }

                return false;
            }
        }

        return false;
    }

    /// <summary>Reads the epoch from its entry as the server stores it.</summary>
    public static bool TryReadEpoch(ReadOnlySpan<byte> entry, out long epoch)
    {
        epoch = 0;
        return entry.Length > ValueStart && StoreEpoch.TryParse(entry[ValueStart..], out epoch);
    }

    protected override void WriteArguments(RespWriter writer)
    {
        var conditions = transaction.Conditions.AsSpan();
        var writes = transaction.Writes.AsSpan();
        var reads = transaction.Reads.AsSpan();
        writer.Word(conditions.Length);
        writer.Word(writes.Length);
        writer.Word(reads.Length);
        writer.Word(looksForSuspects ? "1"u8 : "0"u8);
        foreach (ref readonly var condition in conditions)
        {
            writer.Word(condition.Key);
        }

        foreach (ref readonly var write in writes)
        {
            writer.Word(write.Key);
        }

        Span<byte> digits = stackalloc byte[20];
        foreach (ref readonly var condition in conditions)
        {
            _ = Utf8Formatter.TryFormat(condition.Revision, digits, out int length, new('D', RevisionDigits));
            writer.Word(condition.Revision == 0 ? default : digits[..length]);
        }

        foreach (ref readonly var write in writes)
        {
            // an id that is not ours is that of a session that is gone
            writer.Word(write.IsDelete ? "d" : write.Session is not { } session ? "" : SessionScripts.IsId(session.Value) ? session.Value : SessionScripts.NoId);
            writer.Word(write.Value.Span);
        }

        foreach (ref readonly var read in reads)
        {
            if (read.IsScan)
            {
                WriteScan(writer, read);
            }
            else
            {
                writer.Word("g"u8);
                writer.Word(read.Key);
            }
        }
    }

    protected override CommitResult Read(long status, ref RespReader answer)
    {
        switch (status)
        {
            case 0 or 1:
                long revision = answer.ReadNumber();
                var answers = transaction.Reads.IsEmpty ? [] : new ImmutableArray<Entry>[transaction.Reads.Length];
                for (int i = 0; i < answers.Length; i++)
                {
                    var read = transaction.Reads[i];
                    answers[i] = read.IsScan ? ReadScan(ref answer) : ReadGet(read.Key, ref answer);
                }

                return new(status == 1, revision, ImmutableCollectionsMarshal.AsImmutableArray(answers));
            case SessionGone:
                throw new SessionExpiredException($"The session {answer.ReadText()} is gone.");
            case Suspects:
                var suspects = new List<SessionBeat>();
                while (!answer.AtEnd)
                {
                    suspects.Add(new(new(answer.ReadText()), answer.ReadNumber(), TimeSpan.FromMilliseconds(answer.ReadNumber())));
                }

                throw new SuspectsException(suspects);
            default:
                throw new RespException($"the unknown status {status}");
        }
    }

    private static Script ScriptFor(Transaction transaction)
    {
        foreach (ref readonly var write in transaction.Writes.AsSpan())
        {
            if (!write.IsDelete)
            {
                return Script.Commit;
            }
        }

        return Script.CommitWithoutPuts;
    }

    private static void WriteScan(RespWriter writer, Read read)
    {
        writer.Word("s"u8);
        if (read.StartAfter is { } startAfter && KeyOrder.Instance.Compare(startAfter, read.Key) >= 0)
        {
            writer.Word("("u8, startAfter);
        }
        else if (read.Key.Length == 0)
        {
            writer.Word("-"u8);
        }
        else
        {
            writer.Word("["u8, read.Key);
        }

        if (read.Key.Length == 0)
        {
            writer.Word("+"u8);
        }
        else
        {
            // the first text behind all that begin with the prefix; no byte of UTF-8 is so large that one more does not fit
            byte[] end = new byte[Encoding.UTF8.GetByteCount(read.Key) + 1];
            end[0] = (byte)'(';
            _ = Encoding.UTF8.GetBytes(read.Key, end.AsSpan(1));
            end[^1]++;
            writer.Word(end);
        }

        writer.Word(read.Limit == int.MaxValue ? -1 : read.Limit);
    }

    private ImmutableArray<Entry> ReadGet(string key, ref RespReader answer)
    {
        if (!answer.TryReadBytes(out var entry))
        {
            return [];
        }

        if (key == StoreNames.EpochKey && TryReadEpoch(entry, out long epoch))
        {
            At.Known.SawEpoch(epoch);
        }

        return [Decode(key, entry, null)];
    }

    private static ImmutableArray<Entry> ReadScan(ref RespReader answer)
    {
        int count = answer.ReadArray();
        if (count <= 0)
        {
            _ = answer.ReadArray();
            return [];
        }

        var values = answer;
        for (int i = 0; i < count; i++)
        {
            values.Skip();
        }

        _ = values.ReadArray();
        var entries = new Entry[count];
        for (int i = 0; i < count; i++)
        {
            string key = answer.ReadText();
            entries[i] = Decode(key, values.ReadBytes(), i > 0 ? entries[i - 1].Session : null);
        }

        answer = values;
        return ImmutableCollectionsMarshal.AsImmutableArray(entries);
    }

    private static Entry Decode(string key, ReadOnlySpan<byte> entry, SessionId? likely)
    {
        if (entry.Length < ValueStart
            || !Utf8Parser.TryParse(entry[..RevisionDigits], out long revision, out _)
            || !Utf8Parser.TryParse(entry[RevisionDigits..SessionStart], out long created, out _))
        {
            throw new StoreFormatException($"The entry '{key}' in Redis is damaged or foreign.");
        }

        var session = entry[SessionStart..ValueStart];
        SessionId? id = session[0] == (byte)'-' ? null
            : likely is { } same && Encoding.ASCII.GetByteCount(same.Value) == SessionLength && IsText(session, same.Value) ? same
            : new(Encoding.ASCII.GetString(session));
        return new(key, entry[ValueStart..].ToArray(), created, revision, id);
    }

    private static bool IsText(ReadOnlySpan<byte> bytes, string text) => System.Text.Ascii.Equals(bytes, text);
}
