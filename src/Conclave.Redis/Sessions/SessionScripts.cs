using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using Conclave.Storage;

namespace Conclave.Redis;

/// <summary>The commands that open, renew, end and look at sessions.</summary>
internal static class SessionScripts
{
    private const int IdLength = 16;

    /// <summary>An id that no session ever has.</summary>
    public const string NoId = "xxxxxxxxxxxxxxxx";

    // random, not counted: a counter that was lost would count again
    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdLength / 2));

    public static bool IsId(string text) => text.Length == IdLength && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Opens a session; the answer is null, or what is left to wait out.</summary>
    public static RedisCommand<WaitOutState?> Open(Attachment at, string id, TimeSpan timeToLive, string seen, long waited) => new SessionCommand<WaitOutState?>(
        Script.Open, at, static (long status, ref RespReader answer) => status == 1 ? null : new(answer.ReadText(), answer.ReadNumber()),
        id, Text(timeToLive), seen, Text(waited));

    /// <summary>Renews; false when the session is gone.</summary>
    public static RedisCommand<bool> Renew(Attachment at, string id) => new SessionCommand<bool>(
        Script.Renew, at, static (long status, ref RespReader _) => status == 1, id);

    /// <summary>Ends a session, if its beat is still the same or any will do.</summary>
    public static RedisCommand<bool> End(Attachment at, string id, long? beat) => new SessionCommand<bool>(
        Script.End, at, static (long status, ref RespReader _) => status == 1, id, beat is { } must ? Text(must) : "");

    /// <summary>Tells for how long a beat was seen to stand still; the answer is null when the session is decided, else how much was seen by all.</summary>
    public static RedisCommand<string?> Witness(Attachment at, SessionBeat suspect, string seen, long watched) => new SessionCommand<string?>(
        Script.Witness, at, static (long status, ref RespReader answer) => status == 1 ? null : answer.ReadText(),
        suspect.Session.Value, Text(suspect.Beat), seen, Text(watched), Text((long)Math.Ceiling(suspect.TimeToLive.TotalMilliseconds * 1.001)));

    /// <summary>Reads the counter of beats, and who stands at most at the one of his class.</summary>
    public static RedisCommand<BeatLook> Look(Attachment at, ImmutableArray<long> beats) => new SessionCommand<BeatLook>(
        Script.Look, at, (long _, ref RespReader answer) => ReadLook(at.Known, ref answer),
        [StoreNames.EpochKey, .. beats.Zip(ObservedExpiry.Floors).Where(c => c.First >= 0).SelectMany(c => (string[])[Text(c.Second), Text(c.First)])]);

    private static BeatLook ReadLook(Known known, ref RespReader answer)
    {
        long counter = answer.ReadNumber();
        known.SawLongest(answer.ReadNumber());
        if (CommitCommand.TryReadEpoch(answer.ReadBytes(), out long epoch))
        {
            known.SawEpoch(epoch);
        }

        var stale = new List<SessionBeat>();
        while (!answer.AtEnd)
        {
            stale.Add(new(new(answer.ReadText()), answer.ReadNumber(), TimeSpan.FromMilliseconds(answer.ReadNumber())));
        }

        return new(counter, stale);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    // rounded up: a session may live longer than it asked for, never shorter
    private static string Text(TimeSpan span) => Text((long)Math.Ceiling(span.TotalMilliseconds));

    private delegate T StatusReader<T>(long status, ref RespReader answer);

    private sealed class SessionCommand<T>(Script script, Attachment attachment, StatusReader<T> read, params string[] words)
        : ScriptCommand<T>(script, attachment)
    {
        protected override int Arguments => words.Length;

        protected override void WriteArguments(RespWriter writer)
        {
            foreach (string word in words)
            {
                writer.Word(word);
            }
        }

        protected override T Read(long status, ref RespReader answer) => read(status, ref answer);
    }
}

/// <summary>How far a wait-out is.</summary>
/// <param name="Seen">The milliseconds that clients have seen pass, as the server wrote them.</param>
/// <param name="Needed">The milliseconds that must pass.</param>
internal sealed record WaitOutState(string Seen, long Needed);
