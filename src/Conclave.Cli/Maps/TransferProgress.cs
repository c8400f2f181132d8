using Conclave.Cli.Output;

namespace Conclave.Cli;

/// <summary>How far a long transfer is: a line on a terminal that changes, elsewhere one from time to time, and a last one.</summary>
internal sealed class TransferProgress(Messages messages, TimeProvider time)
{
    private static readonly TimeSpan Live = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Plain = TimeSpan.FromSeconds(10);

    private long _shown = time.GetTimestamp();

    public void Show(string text)
    {
        if (!messages.IsSilent && time.GetElapsedTime(_shown) >= (messages.IsLive ? Live : Plain))
        {
            _shown = time.GetTimestamp();
            messages.Progress(text);
        }
    }

    public void End(string text)
    {
        messages.ClearStatusLine();
        messages.Done(text);
    }
}
